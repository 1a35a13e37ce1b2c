// peak.cu: what the device's arithmetic reaches at most; measured by 'audiotoken bench', used by no network.
//   y = sum over eight chains i: c_i <- c_i / 2 + b, rounds times, from c_i = i (f32); or c_i <- c_i + A B, A and B full of halves (f16,
//   bf16)
// Shapes    y: one float a thread of the grid.
// Launch    any grid; a block is a multiple of 32.
// Cost      8 multiply-adds a round and thread; for half types 8 products of [16, 16] by [16, 8] a round and warp. One write at the end.
//
// Eight chains hide an instruction's latency. Values stay finite: f32 chains go to 2 b, those of half types grow by 4 a round.
#include "common/dtype.cuh"
#include "common/mma.cuh"

constexpr int CHAINS = 8;

KERNEL peak_f32(float* y, int rounds, float b)
{
    float c[CHAINS];
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        c[i] = (float)i;
    for (int r = 0; r < rounds; r++)
#pragma unroll
        for (int i = 0; i < CHAINS; i++)
            c[i] = fmaf(c[i], 0.5f, b);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        sum += c[i];
    y[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}
EXPORT(peak_f32)

// Each thread sums its part of the warp's products.
template <typename T> DEVICE void peak(float* y, int rounds)
{
    const unsigned pair = pack_pair<T>(0.5f, 0.5f), a[4] = {pair, pair, pair, pair}, b[2] = {pair, pair};
    float c[CHAINS][4] = {};
    for (int r = 0; r < rounds; r++)
#pragma unroll
        for (int i = 0; i < CHAINS; i++)
            mma(c[i], a, b, T{});
    float sum = 0;
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        sum += c[i][0] + c[i][1] + c[i][2] + c[i][3];
    y[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL peak_##suffix(float* y, int rounds)                                                                                             \
    {                                                                                                                                      \
        peak<T>(y, rounds);                                                                                                                \
    }                                                                                                                                      \
    EXPORT(peak_##suffix)
FOR_EACH_HALF(INSTANCE)

// What a launch costs that does nothing.
KERNEL peak_nothing(int) {}
EXPORT(peak_nothing)
