// cuda_shim_test.cpp: the shim must see the faults that it is there for, or a kernel's green test means nothing.
#include "host/cuda_shim.h"

#include "common/reduce.cuh"
#include "host/check.h"

#include <stdexcept>
#include <vector>

using shim::Order;

static std::string error_of(unsigned block, const std::function<void()>& kernel)
{
    try {
        shim::launch({1}, {block}, Order::Ascending, 1, kernel);
        return "";
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

// A neighbour's value through shared memory, with or without the barrier that this needs.
static bool neighbours_arrive(bool with_barrier, Order order)
{
    std::vector<float> out(64);
    shim::launch({1}, {64}, order, 1, [&] {
        __shared__ float values[64];
        values[threadIdx.x] = static_cast<float>(threadIdx.x);
        if (with_barrier) __syncthreads();
        out[threadIdx.x] = values[(threadIdx.x + 1) % 64];
    });
    for (unsigned i = 0; i < 64; i++) {
        if (out[i] != static_cast<float>((i + 1) % 64)) return false;
    }
    return true;
}

int main()
{
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        for (const unsigned block : {32u, 64u, 256u, 1024u}) {
            shim::launch({1}, {block}, order, 7, [&] {
                // Sums of small integers are exact; the second call follows at once.
                const float first = block_sum(static_cast<float>(threadIdx.x)), second = block_sum(1.0f);
                check(first == static_cast<float>(block * (block - 1) / 2), "block_sum adds all threads' values");
                check(second == static_cast<float>(block), "block_sum may be called again");
            });
        }
        check(neighbours_arrive(true, order), "a barrier makes shared writes visible");
        check(!neighbours_arrive(false, order), "a missing barrier shows: shared memory begins as NaN");
    }

    const std::string barrier = error_of(64, [] {
        if (threadIdx.x < 33) __syncthreads();
    });
    check(barrier.find("threads diverge in block (0, 0): 33 at __syncthreads, cuda_shim_test.cpp:") == 0 &&
              barrier.find("; 31 finished.") != std::string::npos,
          "a barrier that some threads skip is reported: " + barrier);
    const std::string shuffle = error_of(32, [] {
        if (threadIdx.x % 2 != 0) __shfl_xor_sync(0xffffffffu, 1.0f, 2);
    });
    check(shuffle.find(": 16 at a shuffle, cuda_shim_test.cpp:") != std::string::npos, "a shuffle in half a warp is reported: " + shuffle);
    check(error_of(33, [] {}) != "", "a block that is no multiple of a warp is refused");
    check(shim::float_to_half(65520.0f) == 0x7C00 && shim::float_to_half(65519.0f) == 0x7BFF,
          "half precision overflows to infinity from 65520 on");
    check(shim::float_to_half(2049.0f) == 0x6800 && shim::float_to_half(2051.0f) == 0x6802 && shim::float_to_half(0x1.8p-24f) == 2,
          "half precision rounds ties to even");
    check(shim::half_to_float(0x3555) == 0.333251953125f && shim::half_to_float(1) == 0x1p-24f, "half precision widens exactly");
    for (int bits = 0; bits < 0x10000; bits++) {
        const bool nan = (bits & 0x7FFF) > 0x7C00;
        const unsigned short half = static_cast<unsigned short>(bits);
        check(nan ? std::isnan(shim::half_to_float(half)) : shim::float_to_half(shim::half_to_float(half)) == half,
              "every half comes back: " + std::to_string(bits));
    }
    return failures != 0;
}
