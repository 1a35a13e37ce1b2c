// shares.cuh: a block's softmax of a row of scores, in shared memory.
#pragma once
#include "common/dtype.cuh"
#include "common/reduce.cuh"

// share[t] = exp(scores[t] - max scores); gives the sum over t. All threads of the block take part, and see all shares afterwards.
template <typename T> DEVICE float softmax_shares(float* share, const T* scores, int length)
{
    float largest = to_float(scores[0]);
    for (int t = threadIdx.x; t < length; t += blockDim.x)
        largest = fmaxf(largest, to_float(scores[t]));
    largest = block_max(largest);
    float total = 0.0f;
    for (int t = threadIdx.x; t < length; t += blockDim.x) {
        share[t] = expf(to_float(scores[t]) - largest);
        total += share[t];
    }
    return block_sum(total); // its barriers also publish the shares
}
