#include "emulator/grid.h"

#include "emulator/sanitizers.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

extern "C" void* __tls_get_addr(void*);

namespace emulator
{
namespace
{
std::string environment(const char* name, const char* otherwise)
{
    const char* const value = std::getenv(name);
    return value != nullptr ? value : otherwise;
}

// Threads that stay from launch to launch, with the stacks of the fibres that each has made.
class Crew
{
  public:
    // Does the work once on each of `workers` threads, the caller's being one of them.
    static void run(size_t workers, const std::function<void()>& work)
    {
        if (workers <= 1) return work();
        static Crew* const crew = new Crew; // its threads may outlive the program's end
        const std::lock_guard<std::mutex> one(crew->turn_);
        crew->share(workers - 1, work);
    }

  private:
    void share(size_t others, const std::function<void()>& work)
    {
        std::unique_lock<std::mutex> lock(guard_);
        for (; threads_ < others; threads_++)
            std::thread([this, number = threads_, seen = round_] { serve(number, seen); }).detach();
        work_ = &work;
        wanted_ = left_ = others;
        round_++;
        begin_.notify_all();
        lock.unlock();
        work();
        lock.lock();
        end_.wait(lock, [this] { return left_ == 0; });
    }

    void serve(size_t number, uint64_t seen)
    {
        std::unique_lock<std::mutex> lock(guard_);
        for (;;) {
            begin_.wait(lock, [&] { return round_ != seen; });
            seen = round_;
            if (number >= wanted_) continue;
            const std::function<void()>& work = *work_;
            lock.unlock();
            work();
            lock.lock();
            if (--left_ == 0) end_.notify_all();
        }
    }

    std::mutex turn_, guard_;
    std::condition_variable begin_, end_;
    const std::function<void()>* work_ = nullptr;
    size_t threads_ = 0, wanted_ = 0, left_ = 0;
    uint64_t round_ = 0;
};

// Runs a cluster, of which block `first` of the grid is the first: its blocks take turns, each as far as the cluster's barrier.
std::string run_cluster(std::vector<Block>& blocks, const Kernel& kernel, void* const* arguments, const Launch& launch, uint64_t first)
{
    Cluster cluster;
    cluster.shared.reserve(launch.cluster); // its threads keep the address
    if (blocks.size() < launch.cluster) blocks = std::vector<Block>(launch.cluster);
    for (uint64_t i = first; i < first + launch.cluster; i++) {
        const uint3 at = {static_cast<unsigned>(i % launch.grid.x), static_cast<unsigned>(i / launch.grid.x % launch.grid.y),
                          static_cast<unsigned>(i / launch.grid.x / launch.grid.y)};
        blocks[i - first].begin(kernel, arguments, launch, at, schedule().order, schedule().seed + i, cluster);
    }
    size_t waiting;
    do {
        waiting = 0;
        for (unsigned rank = 0; rank < launch.cluster; rank++)
            waiting += blocks[rank].go();
    } while (waiting == launch.cluster);
    std::string failure;
    for (unsigned rank = 0; rank < launch.cluster; rank++)
        if (const std::string text = blocks[rank].end(); failure.empty()) failure = text;
    return failure;
}
} // namespace

Schedule& schedule()
{
    static Schedule schedule = [] {
        const std::string order = environment("AUDIOTOKEN_EMU_ORDER", "random");
        return Schedule{std::max(1, std::atoi(environment("AUDIOTOKEN_EMU_WORKERS", "1").c_str())),
                        order == "ascending"    ? Order::Ascending
                        : order == "descending" ? Order::Descending
                                                : Order::Random,
                        std::strtoull(environment("AUDIOTOKEN_EMU_SEED", "1").c_str(), nullptr, 10)};
    }();
    return schedule;
}

std::vector<Kernel>& registered_kernels()
{
    static std::vector<Kernel> kernels;
    return kernels;
}

void register_kernel(const Kernel& kernel)
{
    registered_kernels().push_back(kernel);
}

std::string run_grid(const Kernel& kernel, ThreadLocalBlock shared, const Launch& launch, void* const* arguments)
{
    const uint64_t clusters = static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z / launch.cluster;
    std::atomic<uint64_t> following{0};
    std::mutex guard;
    std::string failure;
    const auto work = [&] {
        thread_local std::vector<Block> blocks; // kept for their stacks
        for (uint64_t i; (i = following++) < clusters;) {
            if (shared.bytes > 0) {
                size_t index[2] = {shared.module, 0};
                std::memset(__tls_get_addr(index), 0xFF, shared.bytes); // NaN, as dynamic shared memory
            }
            const std::string text = run_cluster(blocks, kernel, arguments, launch, i * launch.cluster);
            if (text.empty()) continue;
            following = clusters;
            const std::lock_guard<std::mutex> lock(guard);
            if (failure.empty()) failure = text;
        }
    };

    // One copy of the shared memory is one block at a time.
    const bool alone = kernel.shared_begin < kernel.shared_end || SanitizedAddresses;
    const auto workers = static_cast<size_t>(alone ? 1 : std::min<uint64_t>(static_cast<uint64_t>(schedule().workers), clusters));
    Crew::run(workers, work);
    return failure;
}
} // namespace emulator
