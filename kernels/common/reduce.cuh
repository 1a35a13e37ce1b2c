// reduce.cuh: sums over a warp and over a block. All threads of the warp or block must call; the block is a multiple of 32.
#pragma once

// The total of a warp's 32 values, in every lane: a butterfly, so each lane adds in the same order of distances.
__device__ inline float warp_sum(float value)
{
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// The total of a block's values, in every thread; may be called again at once.
__device__ inline float block_sum(float value)
{
    __shared__ float partial[32]; // one sum a warp; a block has at most 32
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;

    value = warp_sum(value);
    __syncthreads(); // the sums of the call before may still be in use
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    // Every warp adds all the sums itself: cheaper than a third barrier.
    return warp_sum(lane < warps ? partial[lane] : 0.0f);
}
