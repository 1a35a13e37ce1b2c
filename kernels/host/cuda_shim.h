// cuda_shim.h: enough of CUDA C++ for a host compiler to build a kernel file unchanged and run it on the CPU.
// Each CUDA thread is a fibre; a block's threads take turns, and change over only at a barrier or a shuffle. Blocks run one after another.
// It shows wrong indices, missing barriers (in one thread order or another) and divergence. It does not show speed, nor every race.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>

#define __global__
// Internal linkage: with it, shared memory of functions and templates may lie in one section.
#define __device__ static
#define __host__
#define __align__(n) alignas(n)
// One block runs at a time, so its shared memory may be static; the section lets the scheduler fill it with NaN before each block.
#define __shared__ static __attribute__((section("shim_shared")))

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim; // of the thread whose turn it is

namespace shim
{
// The order in which a block's threads take their turns.
enum class Order { Ascending, Descending, Random };

// Runs a kernel over a grid. The kernel is called once a thread, with the indices set.
// Throws std::runtime_error, with the places, if threads wait for others that never come.
void launch(dim3 grid, dim3 block, Order order, unsigned seed, const std::function<void()>& kernel);

void barrier(const char* file, int line);

// Hands 32 bits to the warp and takes those of the lane at this lane's number XOR the mask.
unsigned exchange(unsigned value, int lane_mask, const char* file, int line);

float half_to_float(unsigned short bits);
unsigned short float_to_half(float value);
} // namespace shim

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE())
{
    shim::barrier(file, line);
}

inline float __shfl_xor_sync(unsigned /* all 32 lanes */, float value, int lane_mask, const char* file = __builtin_FILE(),
                             int line = __builtin_LINE())
{
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    bits = shim::exchange(bits, lane_mask, file, line);
    std::memcpy(&value, &bits, sizeof bits);
    return value;
}

inline float rsqrtf(float value)
{
    return 1.0f / std::sqrt(value);
}
