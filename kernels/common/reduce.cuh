// reduce.cuh: sums and maxima over a warp and over a block. All threads of the warp or block must call; the block is a multiple of 32.
#pragma once
#include "common/device.cuh"

// The total of a warp's 32 values, in every lane: a butterfly, so each lane adds in the same order of distances.
template <typename T> DEVICE T warp_sum(T value)
{
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

DEVICE float warp_max(float value)
{
    for (int distance = 16; distance > 0; distance /= 2)
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, distance));
    return value;
}

DEVICE int warp_min(int value)
{
    for (int distance = 16; distance > 0; distance /= 2)
        value = min(value, __shfl_xor_sync(0xffffffffu, value, distance));
    return value;
}

// The values of a block's warps, of which each thread then has that of the warp with its lane's number, or the default.
template <typename T> DEVICE T warps_value(T value, T absent)
{
    __shared__ T partial[32]; // one value a warp; a block has at most 32
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    __syncthreads(); // the values of the call before may still be in use
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    return lane < warps ? partial[lane] : absent;
}

// The total of a block's values, in every thread; may be called again at once.
template <typename T> DEVICE T block_sum(T value)
{
    // Every warp adds all the sums itself: cheaper than a third barrier.
    return warp_sum(warps_value(warp_sum(value), T(0)));
}

// The largest of a block's values, in every thread; may be called again at once.
DEVICE float block_max(float value)
{
    value = warp_max(value);
    return warp_max(warps_value(value, value));
}
