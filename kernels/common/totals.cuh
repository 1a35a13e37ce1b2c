// totals.cuh: sums over rows, for each column; what the gradients of biases and norms need. The order of a sum depends on shapes alone.
#pragma once
#include "common/device.cuh"

struct Totals {
    float first, second;
};

// Adds what `f(row)` gives of this thread's column, over all rows, for the block's 32 columns: a lane is a column, a warp takes every
// blockDim.x / 32-th row. All threads call, with `inside` false beyond the last column; all have the totals of their lane's column.
template <typename F> DEVICE Totals column_totals(int rows, bool inside, F f)
{
    __shared__ float partial[2][32][32]; // of each warp and lane
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    Totals own = {0.0f, 0.0f}, total = {0.0f, 0.0f};
    for (int row = warp; inside && row < rows; row += warps) {
        const Totals value = f(row);
        own.first += value.first;
        own.second += value.second;
    }
    partial[0][warp][lane] = own.first;
    partial[1][warp][lane] = own.second;
    __syncthreads();
    for (int w = 0; w < warps; w++) {
        total.first += partial[0][w][lane];
        total.second += partial[1][w][lane];
    }
    return total;
}
