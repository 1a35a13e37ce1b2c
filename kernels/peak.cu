// peak.cu: what the device's arithmetic and its cache reach at most; measured by 'audiotoken bench', used by no network.
//   y = sum over eight chains i: c_i <- c_i / 2 + b, rounds times, from c_i = i (f32); or c_i <- c_i + A B, A and B full of halves (f16,
//   bf16); of the sums of a larger product likewise (warpgroups)
//   y = the last float that a thread brought (read)
// Shapes    y: one float a thread of the grid. read: from [bytes], whole times Turn bytes for each thread of a block.
// Launch    any grid; a block is a multiple of 32. warpgroups: of 128; (64 + 160) 128 bytes shared. read: 32 * Turn bytes shared for each
//           warp, twice.
// Cost      8 multiply-adds a round and thread; for half types 8 products of [16, 16] by [16, 8] a round and warp, or one of [64, 64] by
//           [64, 160] a round and four warps. One write at the end. read: all bytes, a block.
//
// Eight chains hide an instruction's latency. Values stay finite: f32 chains go to 2 b, those of half types grow by 4 a round, of
// warpgroups by 16.
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

#if defined(HAS_WARPGROUP_PRODUCTS)
// As the largest tile of product.cuh, whose stages come for nothing.
template <typename T> DEVICE void warpgroups(T* shared, float* y, int rounds)
{
    constexpr int Rows = 64, Columns = 160, Depth = 64;
    for (int i = threadIdx.x; i < (Rows + Columns) * Depth; i += blockDim.x)
        shared[i] = from_float<T>(0.5f);
    fence_shared_for_products();
    __syncthreads();
    const SharedTile a = shared_tile(shared), b = a + Rows * Depth * 2;
    float d[Columns / 8][4] = {};
    do {
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < Depth; k += 16)
            wgmma(d, a + k * 2, b + k * 2, T{});
        wgmma_commit();
        wgmma_wait<1>();
    } while (--rounds > 0);
    wgmma_wait<0>();
    float sum = 0;
#pragma unroll
    for (int j = 0; j < Columns / 8; j++)
        sum += d[j][0] + d[j][1] + d[j][2] + d[j][3];
    y[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

#define INSTANCE_OF_WARPGROUPS(suffix, T)                                                                                                  \
    KERNEL peak_warpgroups_##suffix(float* y, int rounds)                                                                                  \
    {                                                                                                                                      \
        DYNAMIC_SHARED(T, shared);                                                                                                         \
        warpgroups<T>(shared, y, rounds);                                                                                                  \
    }                                                                                                                                      \
    EXPORT(peak_warpgroups_##suffix)
FOR_EACH_HALF(INSTANCE_OF_WARPGROUPS)
#endif

// The way by which products are fed: copies into shared memory that pass the first-level cache by. Blocks begin at places of their own.
KERNEL peak_read(float* y, const char* from, int bytes)
{
    constexpr int Each = 16, Copies = 4, Turn = Copies * Each;
    DYNAMIC_SHARED(char, shared);
    const int turn = blockDim.x * Turn, turns = bytes / turn, first = (int)((long long)turns * blockIdx.x / gridDim.x);
    char* own = shared;
    for (int t = 0; t < turns; t++) {
        const char* const part = from + (size_t)((first + t) % turns) * turn;
        own = shared + t % 2 * turn;
#pragma unroll
        for (int i = 0; i < Copies; i++) {
            const int at = (i * blockDim.x + threadIdx.x) * Each;
            cp_async16(own + at, part + at, true);
        }
        cp_async_commit();
        cp_async_wait<1>();
    }
    cp_async_wait<0>();
    y[blockIdx.x * blockDim.x + threadIdx.x] = *reinterpret_cast<const float*>(own + ((Copies - 1) * blockDim.x + threadIdx.x) * Each);
}
EXPORT(peak_read)

// What a launch costs that does nothing.
KERNEL peak_nothing(int) {}
EXPORT(peak_nothing)
