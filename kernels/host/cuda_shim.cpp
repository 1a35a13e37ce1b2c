// cuda_shim.cpp: the scheduler behind cuda_shim.h, and half precision on the host.
#include "cuda_shim.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <ucontext.h>
#include <vector>

// The ends of the section that holds all shared memory; the linker makes them. Null where no kernel has any.
extern "C" char __start_shim_shared[] __attribute__((weak));
extern "C" char __stop_shim_shared[] __attribute__((weak));

namespace
{
constexpr size_t StackBytes = 128 << 10;
constexpr unsigned WarpSize = 32;

enum class State { Ready, AtBarrier, AtShuffle, Done };

struct Fibre {
    ucontext_t context;
    std::unique_ptr<char[]> stack{new char[StackBytes]};
    dim3 index;
    State state;
    const char* file;
    int line;
    // Two slots in turn: a lane may hand in its next value while a slower one still has to take this one.
    unsigned handed[2];
    unsigned shuffles;
};

ucontext_t scheduler;
std::vector<Fibre> fibres; // kept from launch to launch for their stacks
Fibre* current;
const std::function<void()>* body;

void run_body()
{
    (*body)();
    current->state = State::Done; // and back to the scheduler through uc_link
}

void prepare(Fibre& f, unsigned index)
{
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.get();
    f.context.uc_stack.ss_size = StackBytes;
    f.context.uc_link = &scheduler;
    makecontext(&f.context, run_body, 0);
    f.index = {index, 0, 0};
    f.state = State::Ready;
    f.shuffles = 0;
}

void wait(State state, const char* file, int line)
{
    current->state = state;
    current->file = file;
    current->line = line;
    swapcontext(&current->context, &scheduler);
}

// Sets those threads ready that have all come to the same place: a whole warp to a shuffle, or a whole block to a barrier.
bool release(size_t first, size_t count, State state)
{
    const auto begin = fibres.begin() + first;
    for (auto f = begin; f != begin + count; ++f) {
        if (f->state != state || f->line != begin->line || f->file != begin->file) return false;
    }
    std::for_each(begin, begin + count, [](Fibre& f) { f.state = State::Ready; });
    return true;
}

[[noreturn]] void report(size_t threads)
{
    std::map<std::string, int> places;
    for (size_t i = 0; i < threads; i++) {
        const Fibre& f = fibres[i];
        const std::string file = f.state == State::Done ? "" : std::string(f.file).substr(std::string(f.file).rfind('/') + 1);
        places[f.state == State::Done
                   ? "finished"
                   : (f.state == State::AtBarrier ? "at __syncthreads, " : "at a shuffle, ") + file + ":" + std::to_string(f.line)]++;
    }
    std::string text = "threads diverge in block (" + std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + "):";
    for (const auto& [place, count] : places)
        text += " " + std::to_string(count) + " " + place + ";";
    text.back() = '.';
    throw std::runtime_error(text);
}

// Lets ready threads run, and begins anew as soon as a whole warp has met in a shuffle: so a warp that is early in the order runs on to the
// next barrier before a late one has begun, as far apart as a GPU may let them get. False once nobody can go on.
bool run_turns(const std::vector<size_t>& turns)
{
    for (const size_t turn : turns) {
        current = &fibres[turn];
        if (current->state != State::Ready) continue;
        threadIdx = current->index;
        swapcontext(&scheduler, &current->context);
        if (release(turn / WarpSize * WarpSize, WarpSize, State::AtShuffle)) return true;
    }
    return false;
}

void run_block(dim3 block, shim::Order order, std::mt19937& random)
{
    const size_t threads = block.x;
    // 0xFF in every byte is NaN: what is read before it is written shows in the result.
    if (__start_shim_shared != nullptr) std::memset(__start_shim_shared, 0xFF, __stop_shim_shared - __start_shim_shared);
    for (size_t i = 0; i < threads; i++)
        prepare(fibres[i], static_cast<unsigned>(i));

    std::vector<size_t> turns(threads);
    for (size_t i = 0; i < threads; i++)
        turns[i] = order == shim::Order::Descending ? threads - 1 - i : i;
    for (;;) {
        if (order == shim::Order::Random) std::shuffle(turns.begin(), turns.end(), random);
        while (run_turns(turns))
            ;
        if (release(0, threads, State::AtBarrier)) continue;
        if (std::all_of(fibres.begin(), fibres.begin() + threads, [](const Fibre& f) { return f.state == State::Done; })) return;
        report(threads);
    }
}
} // namespace

void shim::launch(dim3 grid, dim3 block, Order order, unsigned seed, const std::function<void()>& kernel)
{
    if (block.x % WarpSize != 0 || block.x > 1024 || block.y != 1 || block.z != 1)
        throw std::runtime_error("the shim runs blocks of one dimension, a multiple of 32 up to 1024 threads");
    if (fibres.size() < block.x) fibres.resize(block.x);
    std::mt19937 random(seed);
    body = &kernel;
    gridDim = grid;
    blockDim = block;
    for (blockIdx.z = 0; blockIdx.z < grid.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
                run_block(block, order, random);
}

void shim::barrier(const char* file, int line)
{
    wait(State::AtBarrier, file, line);
}

unsigned shim::exchange(unsigned value, int lane_mask, const char* file, int line)
{
    Fibre& me = *current;
    const unsigned slot = me.shuffles++ % 2;
    me.handed[slot] = value;
    wait(State::AtShuffle, file, line);
    return fibres[me.index.x ^ static_cast<unsigned>(lane_mask)].handed[slot];
}

// Half precision by arithmetic: not every host compiler has the type.
float shim::half_to_float(unsigned short bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float magnitude = exponent == 31  ? (fraction != 0 ? NAN : INFINITY)
                            : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                            : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

unsigned short shim::float_to_half(float value)
{
    const int sign = std::signbit(value) ? 0x8000 : 0;
    const float magnitude = std::fabs(value);
    if (std::isnan(value)) return static_cast<unsigned short>(sign | 0x7E00);
    if (magnitude >= 65520.0f) return static_cast<unsigned short>(sign | 0x7C00);
    const int exponent = magnitude < 0x1p-14f ? -14 : std::ilogb(magnitude); // below 2^-14 the spacing stays
    const int fraction = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
    return static_cast<unsigned short>(sign | (((exponent + 14) << 10) + fraction)); // the leading bit, or a carry, adds to the exponent
}
