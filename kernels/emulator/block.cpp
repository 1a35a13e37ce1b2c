// block.cpp: the scheduler of one block. Threads change over only where they wait, straight from one fibre to the next.
#include "emulator/block.h"

#include "emulator/sanitizers.h"

#include <cstring>
#include <map>
#include <new>

namespace emulator
{
thread_local Thread* current;

namespace
{
thread_local Block* running;

FibreThread& current_thread()
{
    return *static_cast<FibreThread*>(current);
}

bool same(Place a, Place b)
{
    return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

// 0xFF in every byte is NaN: what is read before it is written shows in the result. Not memset, which AddressSanitizer would check against
// the gaps that it keeps between the variables of the section.
__attribute__((no_sanitize("address", "undefined"))) void poison(char* begin, char* end)
{
    for (volatile char* p = begin; p < end; p = p + 1)
        *p = static_cast<char>(0xFF);
}
} // namespace

std::string describe(Place place)
{
    const std::string file = place.file;
    return file.substr(file.rfind('/') + 1) + ":" + std::to_string(place.line);
}

const char* describe(Collective operation)
{
    switch (operation) {
    case Collective::Barrier:
        return "__syncthreads";
    case Collective::ClusterBarrier:
        return "cluster_wait";
    case Collective::SyncWarp:
        return "__syncwarp";
    case Collective::Shuffle:
        return "a shuffle";
    case Collective::Ballot:
        return "a vote";
    case Collective::LoadMatrix:
        return "ldmatrix";
    case Collective::Multiply:
        return "mma";
    default:
        return "nothing";
    }
}

std::string Block::where() const
{
    return std::string("kernel ") + kernel_->name + ", block (" + std::to_string(index_.x) + ", " + std::to_string(index_.y) + ", " +
           std::to_string(index_.z) + "): ";
}

void Block::prepare(const Launch& launch, uint3 index, Cluster& cluster)
{
    count_ = static_cast<size_t>(launch.block.x) * launch.block.y * launch.block.z;
    done_ = at_barrier_ = at_cluster_barrier_ = 0;
    cluster_generation_ = 0;
    cluster_ = &cluster;
    barrier_ = {};
    index_ = index;
    failure_.clear();
    meetings_.assign((count_ + 31) / 32 * 32, {});
    ready_.assign((count_ + 63) / 64, 0);
    if (memory_bytes_ != launch.shared_bytes) {
        // Exactly as large as asked for, so that AddressSanitizer sees the end.
        void* memory = nullptr;
        if (launch.shared_bytes > 0 && posix_memalign(&memory, 1024, launch.shared_bytes) != 0) throw std::bad_alloc();
        memory_.reset(static_cast<unsigned char*>(memory));
        memory_bytes_ = launch.shared_bytes;
    }
    if (memory_bytes_ > 0) std::memset(memory_.get(), 0xFF, memory_bytes_);
    if (kernel_->shared_begin < kernel_->shared_end) poison(kernel_->shared_begin, kernel_->shared_end);
    cluster.shared.push_back(memory_.get());
    while (threads_.size() < count_)
        threads_.push_back(std::make_unique<FibreThread>());
    for (size_t i = 0; i < count_; i++) {
        FibreThread& t = *threads_[i];
        const unsigned n = static_cast<unsigned>(i), x = launch.block.x, y = launch.block.y;
        t.index = {n % x, n / x % y, n / (x * y)};
        t.block = index;
        t.launch = &launch;
        t.shared = memory_.get();
        t.lane = n % 32;
        t.rank = static_cast<unsigned>(cluster.shared.size()) - 1;
        t.cluster_shared = cluster.shared.data();
        t.number = i;
        t.state = State::Ready;
        t.copies.clear();
        t.groups.clear();
        t.products.clear();
        t.product_groups.clear();
        t.unfenced = false;
        t.fibre.prepare(thread_main, i);
        set_ready(i);
    }
}

void Block::begin(const Kernel& kernel, void* const* arguments, const Launch& launch, uint3 index, Order order, uint64_t seed,
                  Cluster& cluster)
{
    kernel_ = &kernel;
    arguments_ = arguments;
    order_ = order;
    random_.seed(static_cast<unsigned>(seed));
    prepare(launch, index, cluster);
    race_release(&begin_token_);
}

bool Block::go()
{
    running = this;
    if (is_at_cluster_barrier()) {
        at_cluster_barrier_ = 0;
        cluster_generation_++;
        for (size_t i = 0; i < count_; i++) {
            threads_[i]->state = State::Ready;
            set_ready(i);
        }
    }
    if (FibreThread* const first = next()) {
        current = first;
        scheduler_.switch_to(first->fibre);
    }
    current = nullptr;
    return is_at_cluster_barrier();
}

std::string Block::end()
{
    race_acquire(&end_token_);
    if (done_ < count_) {
        // Those that did not end have told of themselves where they wait.
        for (char& token : barrier_.token)
            race_acquire(&token);
        for (char& token : cluster_->token)
            race_acquire(&token);
        for (Meeting& meeting : meetings_)
            for (char& token : meeting.token)
                race_acquire(&token);
    }
    if (done_ == count_) return "";
    const std::string text = where() + (failure_.empty() ? deadlock() : failure_);
    threads_.clear(); // their stacks are left in the middle of things
    return text;
}

void Block::thread_main()
{
    Fibre::arrived();
    Block& block = *running;
    // Not the token of the end: a thread that ended early is not before one that begins late.
    race_acquire(&block.begin_token_);
    block.kernel_->call(block.arguments_);
    FibreThread& me = current_thread();
    if (!me.copies.empty()) block.fail("thread " + std::to_string(me.number) + " ends without waiting for its cp.async");
    if (!me.products.empty()) block.fail("thread " + std::to_string(me.number) + " ends without waiting for its wgmma");
    if (!block.failure_.empty()) block.abandon();
    race_release(&block.end_token_);
    me.state = State::Done;
    block.done_++;
    FibreThread* const other = block.next();
    current = other;
    me.fibre.switch_to(other != nullptr ? other->fibre : block.scheduler_, true);
    __builtin_unreachable();
}

FibreThread* Block::next()
{
    const size_t words = ready_.size();
    const auto take = [&](size_t word, unsigned bit) {
        ready_[word] &= ~(uint64_t{1} << bit);
        return threads_[word * 64 + bit].get();
    };
    if (order_ == Order::Descending) {
        for (size_t w = words; w-- > 0;)
            if (ready_[w] != 0) return take(w, 63 - static_cast<unsigned>(__builtin_clzll(ready_[w])));
        return nullptr;
    }
    // The first from a random place on, or from the beginning.
    const size_t start = order_ == Order::Random ? random_() * count_ >> 31 : 0;
    for (size_t i = 0; i <= words; i++) {
        const size_t w = (start / 64 + i) % words;
        const uint64_t bits = i == 0 ? ready_[w] & ~uint64_t{0} << start % 64 : ready_[w];
        if (bits != 0) return take(w, static_cast<unsigned>(__builtin_ctzll(bits)));
    }
    return nullptr;
}

// Lets others run until this thread is ready and its turn has come.
void Block::wait(FibreThread& me)
{
    if (!failure_.empty()) abandon();
    FibreThread* const other = next();
    if (other == &me) return;
    current = other;
    me.fibre.switch_to(other != nullptr ? other->fibre : scheduler_);
}

void Block::fail(const std::string& what)
{
    if (failure_.empty()) failure_ = what;
}

void Block::abandon()
{
    race_release(&end_token_);
    current_thread().fibre.switch_to(scheduler_, true);
    __builtin_unreachable();
}

void Block::barrier(Place place)
{
    FibreThread& me = current_thread();
    me.state = State::AtBarrier;
    me.place = place;
    char* const token = &barrier_.token[barrier_.generation % 2];
    race_release(token);
    if (++at_barrier_ == count_) {
        for (size_t i = 0; i < count_; i++) {
            FibreThread& t = *threads_[i];
            if (!same(t.place, place)) fail("threads meet in different barriers: " + describe(t.place) + " and " + describe(place));
            t.state = State::Ready;
            set_ready(i);
        }
        at_barrier_ = 0;
        barrier_.generation++;
    }
    wait(me);
    race_acquire(token);
}

void Block::cluster_barrier(Place place)
{
    FibreThread& me = current_thread();
    me.state = State::AtClusterBarrier;
    me.place = place;
    me.operation = Collective::ClusterBarrier;
    char* const token = &cluster_->token[cluster_generation_ % 2];
    race_release(token);
    at_cluster_barrier_++;
    wait(me);
    race_acquire(token);
}

void Block::collect(Collective operation, uint32_t mask, int argument, Place place)
{
    FibreThread& me = current_thread();
    me.state = State::AtCollective;
    me.place = place;
    me.operation = operation;
    me.mask = mask;
    me.argument = argument;
    if ((mask >> me.lane & 1) == 0) fail("lane " + std::to_string(me.lane) + " is not in its own mask, " + describe(place));
    if (operation == Collective::LoadMatrix) check_row(me, argument, place);
    Meeting& meeting = meetings_[me.number / 32 * 32 + static_cast<size_t>(__builtin_ctz(mask))];
    char* const token = &meeting.token[meeting.generation % 2];
    race_release(token);
    meeting.arrived |= uint32_t{1} << me.lane;
    if (failure_.empty() && (meeting.arrived & mask) == mask) finish_collective(meeting, me);
    wait(me);
    race_acquire(token);
}

// The row that a lane gives to ldmatrix; the lanes beyond the matrices give none.
void Block::check_row(const FibreThread& me, int argument, Place place)
{
    if (me.lane >= static_cast<unsigned>(std::abs(argument)) * 8) return;
    const void* row;
    std::memcpy(&row, me.in, sizeof row);
    if (reinterpret_cast<size_t>(row) % 16 != 0)
        fail("ldmatrix wants rows at multiples of 16 bytes, " + describe(place));
    else
        kernel_reads(row, 16);
}

void Block::finish_collective(Meeting& meeting, FibreThread& last)
{
    FibreThread* lanes[32] = {};
    const size_t first = last.number / 32 * 32;
    for (size_t lane = 0; lane < 32 && first + lane < count_; lane++) {
        lanes[lane] = threads_[first + lane].get();
        if ((last.mask >> lane & 1) == 0) continue;
        const FibreThread& t = *lanes[lane];
        if (t.operation != last.operation || t.mask != last.mask || t.argument != last.argument || !same(t.place, last.place))
            fail(std::string("lanes of a warp meet in different calls: ") + describe(t.operation) + ", " + describe(t.place) + " and " +
                 describe(last.operation) + ", " + describe(last.place));
    }
    if (!failure_.empty()) return;
    race_acquire(&meeting.token[meeting.generation % 2]);
    compute(last.operation, last.mask, last.argument, lanes);
    meeting.arrived = 0;
    meeting.generation++;
    for (size_t lane = 0; lane < 32; lane++) {
        if ((last.mask >> lane & 1) == 0) continue;
        lanes[lane]->state = State::Ready;
        set_ready(first + lane);
    }
}

std::string Block::deadlock() const
{
    std::map<std::string, int> places;
    for (size_t i = 0; i < count_; i++) {
        const FibreThread& t = *threads_[i];
        places[t.state == State::Done        ? "finished"
               : t.state == State::AtBarrier ? "at __syncthreads, " + describe(t.place)
                                             : std::string("at ") + describe(t.operation) + ", " + describe(t.place)]++;
    }
    std::string text = "threads diverge:";
    for (const auto& [place, count] : places)
        text += " " + std::to_string(count) + " " + place + ";";
    text.back() = '.';
    return text;
}

void barrier(Place place)
{
    running->barrier(place);
}

void cluster_barrier(Place place)
{
    running->cluster_barrier(place);
}

void collect(Collective operation, uint32_t mask, int argument, Place place)
{
    running->collect(operation, mask, argument, place);
}

void copy_async(void* shared, const void* global, size_t bytes, bool valid, Place place)
{
    FibreThread& me = current_thread();
    if (reinterpret_cast<size_t>(shared) % bytes != 0 || reinterpret_cast<size_t>(global) % bytes != 0) {
        running->fail("cp.async wants multiples of " + std::to_string(bytes) + " bytes, " + describe(place));
        running->abandon();
    }
    // NaN until the wait: reading too early shows, and so does overwriting what others still read.
    kernel_writes(shared, bytes);
    std::memset(shared, 0xFF, bytes);
    me.copies.push_back({shared, global, bytes, valid});
}

// What was issued since the last group was closed is a group.
static void close_group(std::vector<size_t>& groups, size_t issued)
{
    for (const size_t group : groups)
        issued -= group;
    groups.push_back(issued);
}

void commit_copies()
{
    FibreThread& me = current_thread();
    close_group(me.groups, me.copies.size());
}

void wait_copies(size_t groups)
{
    FibreThread& me = current_thread();
    while (me.groups.size() > groups) {
        const auto end = me.copies.begin() + static_cast<std::ptrdiff_t>(me.groups.front());
        for (auto copy = me.copies.begin(); copy != end; ++copy) {
            kernel_writes(copy->to, copy->bytes);
            if (copy->valid) {
                kernel_reads(copy->from, copy->bytes);
                std::memcpy(copy->to, copy->from, copy->bytes);
            } else {
                std::memset(copy->to, 0, copy->bytes);
            }
        }
        me.unfenced = me.unfenced || me.groups.front() > 0;
        me.copies.erase(me.copies.begin(), end);
        me.groups.erase(me.groups.begin());
    }
}

void warpgroup_product(float* d, int columns, const void* a, const void* b, bool bfloat, Place place)
{
    FibreThread& me = current_thread();
    const size_t misplaced = (reinterpret_cast<size_t>(a) | reinterpret_cast<size_t>(b)) % 1024;
    if (misplaced % 32 != 0 || misplaced >= 128 || running->threads() % 128 != 0) {
        running->fail("wgmma wants four warps and tiles that begin at multiples of 1024 bytes, " + describe(place));
        running->abandon();
    }
    if (me.unfenced) {
        running->fail("wgmma reads what cp.async wrote without a fence between, " + describe(place));
        running->abandon();
    }
    me.products.push_back({d, columns, a, b, bfloat, false});
}

void commit_products()
{
    FibreThread& me = current_thread();
    close_group(me.product_groups, me.products.size());
    if (!running->toss()) return;
    for (PendingProduct& product : me.products) {
        if (!product.done) compute(product, me.number % 128);
        product.done = true;
    }
}

void wait_products(size_t groups)
{
    FibreThread& me = current_thread();
    while (me.product_groups.size() > groups) {
        const auto end = me.products.begin() + static_cast<std::ptrdiff_t>(me.product_groups.front());
        for (auto product = me.products.begin(); product != end; ++product)
            if (!product->done) compute(*product, me.number % 128);
        me.products.erase(me.products.begin(), end);
        me.product_groups.erase(me.product_groups.begin());
    }
}

void fence_for_products()
{
    current_thread().unfenced = false;
}
} // namespace emulator
