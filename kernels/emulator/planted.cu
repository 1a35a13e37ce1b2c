// planted.cu: kernels with one fault each, which the emulated device must see. None is part of the product.
#include "common/device.cuh"

KERNEL planted_missing_barrier(float* out)
{
    __shared__ float values[64];
    values[threadIdx.x] = (float)threadIdx.x;
    out[threadIdx.x] = values[(threadIdx.x + 1) % 64];
}
EXPORT(planted_missing_barrier)

KERNEL planted_barrier_in_half(float* out)
{
    if (threadIdx.x < 33) __syncthreads();
    out[threadIdx.x] = 1.0f;
}
EXPORT(planted_barrier_in_half)

KERNEL planted_shuffle_in_half(float* out)
{
    float value = 1.0f;
    if (threadIdx.x % 2 != 0) value += __shfl_xor_sync(0xffffffffu, value, 2);
    out[threadIdx.x] = value;
}
EXPORT(planted_shuffle_in_half)

KERNEL planted_different_calls(float* out)
{
    float value = 1.0f;
    if (threadIdx.x % 2 != 0)
        value += __shfl_xor_sync(0xffffffffu, value, 2);
    else
        __syncwarp();
    out[threadIdx.x] = value;
}
EXPORT(planted_different_calls)

KERNEL planted_different_barriers(float* out)
{
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
    out[threadIdx.x] = 1.0f;
}
EXPORT(planted_different_barriers)

// A ring of one stage, whose next copy is issued while others still read.
KERNEL planted_early_overwrite(float* out, const float* in, int steps)
{
    __shared__ __align__(16) float stage[32 * 4];
    float sum = 0.0f;
    for (int step = 0; step < steps; step++) {
        cp_async16(stage + threadIdx.x * 4, in + (step * 32 + threadIdx.x) * 4, true);
        cp_async_commit();
        cp_async_wait<0>();
        __syncthreads();
        sum += stage[(threadIdx.x + 1) % 32 * 4];
        // Here a second barrier is missing.
    }
    out[threadIdx.x] = sum;
}
EXPORT(planted_early_overwrite)

KERNEL planted_read_before_wait(float* out, const float* in)
{
    __shared__ __align__(16) float stage[32 * 4];
    cp_async16(stage + threadIdx.x * 4, in + threadIdx.x * 4, true);
    cp_async_commit();
    out[threadIdx.x] = stage[threadIdx.x * 4];
    cp_async_wait<0>();
}
EXPORT(planted_read_before_wait)

KERNEL planted_no_wait(float* out, const float* in)
{
    __shared__ __align__(16) float stage[32 * 4];
    cp_async16(stage + threadIdx.x * 4, in + threadIdx.x * 4, true);
    cp_async_commit();
    out[threadIdx.x] = 1.0f;
}
EXPORT(planted_no_wait)

KERNEL planted_misaligned_copy(float* out, const float* in)
{
    __shared__ __align__(16) float stage[32 * 4 + 1];
    cp_async16(stage + 1 + threadIdx.x * 4, in + threadIdx.x * 4, true);
    cp_async_commit();
    cp_async_wait<0>();
    out[threadIdx.x] = stage[1 + threadIdx.x * 4];
}
EXPORT(planted_misaligned_copy)

KERNEL planted_misaligned_matrix(unsigned* out)
{
    __shared__ __align__(16) h16 rows[32 * 8 + 8];
    rows[threadIdx.x].u = 0;
    __syncwarp();
    unsigned matrix[4];
    ldmatrix_x4(matrix, rows + threadIdx.x * 8 + 1);
    out[threadIdx.x] = matrix[0];
}
EXPORT(planted_misaligned_matrix)

KERNEL planted_unwritten_shared(float* out)
{
    DYNAMIC_SHARED(float, values);
    if (threadIdx.x != 5) values[threadIdx.x] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = values[threadIdx.x];
}
EXPORT(planted_unwritten_shared)

// Reads a neighbour's value, which is the same before and after it is written: only ThreadSanitizer sees it.
KERNEL planted_equal_race(float* out)
{
    __shared__ float values[64];
    values[threadIdx.x] = 1.0f;
    __syncthreads();
    values[threadIdx.x] = 1.0f;
    out[threadIdx.x] = values[(threadIdx.x + 1) % 64];
}
EXPORT(planted_equal_race)

KERNEL planted_static_overflow(float* out)
{
    __shared__ float values[64];
    values[threadIdx.x] = 1.0f;
    __syncthreads();
    const float* next = values + 1;
    out[threadIdx.x] = next[threadIdx.x];
}
EXPORT(planted_static_overflow)

KERNEL planted_dynamic_overflow(float* out)
{
    DYNAMIC_SHARED(float, values);
    values[threadIdx.x + 1] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = values[threadIdx.x + 1];
}
EXPORT(planted_dynamic_overflow)

KERNEL planted_global_overflow(float* out, int count)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i <= count) out[i] = 1.0f;
}
EXPORT(planted_global_overflow)

KERNEL planted_global_underflow(float* out)
{
    out[(int)threadIdx.x - 1] = 1.0f;
}
EXPORT(planted_global_underflow)

// The words that no planted fault uses, each by its own formula.
KERNEL sound_words(unsigned* votes, int* shuffled, float* sum, unsigned* matrices)
{
    __shared__ __align__(16) h16 rows[16 * 8];
    const unsigned lane = threadIdx.x % 32;
    votes[threadIdx.x] = __ballot_sync(0xffffffffu, lane % 3 == 0);
    shuffled[threadIdx.x] = __shfl_sync(0xffffffffu, (int)lane, 7) + 100 * __shfl_up_sync(0xffffffffu, (int)lane, 1) +
                            10000 * __shfl_down_sync(0xffffffffu, (int)lane, 1) + 1000000 * (__any_sync(0xffffffffu, lane == 9) != 0) +
                            2000000 * (__all_sync(0xffffffffu, lane < 31) != 0);
    // Half a warp by itself.
    if (lane < 16) shuffled[threadIdx.x] += 10000000 * (__shfl_xor_sync(0xffffu, (int)lane, 8) / 8);
    atomicAdd(sum, 0.5f);
    for (int i = threadIdx.x; i < 16 * 8; i += blockDim.x)
        rows[i].u = (unsigned short)i;
    __syncthreads();
    unsigned straight[2], turned[2];
    ldmatrix_x2(straight, rows + lane % 16 * 8);
    ldmatrix_x2_trans(turned, rows + lane % 16 * 8);
    for (int i = 0; i < 2; i++) {
        matrices[(threadIdx.x * 2 + i) * 2] = straight[i];
        matrices[(threadIdx.x * 2 + i) * 2 + 1] = turned[i];
    }
}
EXPORT(sound_words)

// The second block of a cluster ends where the others wait for it.
KERNEL planted_cluster_without_one(float* out)
{
    if (cluster_rank() != 1) {
        cluster_arrive();
        cluster_wait();
    }
    out[threadIdx.x] = 1.0f;
}
EXPORT(planted_cluster_without_one)

// A block's result is what the others have written; without a barrier before, they may not have.
DEVICE void sum_of_cluster(float* out, bool waits)
{
    DYNAMIC_SHARED(float, mine);
    mine[threadIdx.x] = (float)(blockIdx.x * blockDim.x + threadIdx.x);
    if (waits) {
        cluster_arrive();
        cluster_wait();
    }
    float sum = 0.0f;
    for (unsigned rank = 0; rank < 3; rank++)
        sum += cluster_read(mine + threadIdx.x, rank);
    cluster_arrive_relaxed();
    cluster_wait();
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

KERNEL sound_cluster(float* out)
{
    sum_of_cluster(out, true);
}
EXPORT(sound_cluster)

KERNEL planted_cluster_without_barrier(float* out)
{
    sum_of_cluster(out, false);
}
EXPORT(planted_cluster_without_barrier)

// Tiles of ones, 64 x 64 each, for one product of four warps.
DEVICE h16* tiles_of_ones()
{
    DYNAMIC_SHARED(h16, tiles);
    for (int i = threadIdx.x; i < 2 * 64 * 64; i += 128)
        tiles[i] = f2h(1.0f);
    fence_shared_for_products();
    __syncthreads();
    return tiles;
}

KERNEL planted_product_without_fence(float* out, const float* in)
{
    h16* tiles = tiles_of_ones();
    cp_async16(tiles + threadIdx.x * 8, in + threadIdx.x % 64 * 4, true);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    float d[8][4] = {};
    wgmma(d, shared_tile(tiles), shared_tile(tiles) + 64 * 128, h16{});
    wgmma_commit();
    wgmma_wait<0>();
    out[threadIdx.x] = d[0][0];
}
EXPORT(planted_product_without_fence)

KERNEL planted_product_nobody_waits_for(float* out)
{
    h16* tiles = tiles_of_ones();
    float d[8][4] = {};
    wgmma(d, shared_tile(tiles), shared_tile(tiles) + 64 * 128, h16{});
    wgmma_commit();
    out[threadIdx.x] = d[0][0];
}
EXPORT(planted_product_nobody_waits_for)

KERNEL planted_product_overwritten(float* out)
{
    h16* tiles = tiles_of_ones();
    float d[8][4] = {};
    wgmma(d, shared_tile(tiles), shared_tile(tiles) + 64 * 128, h16{});
    wgmma_commit();
    tiles[threadIdx.x * 64] = f2h(0.0f); // before the wait
    wgmma_wait<0>();
    out[threadIdx.x] = d[0][0];
}
EXPORT(planted_product_overwritten)

KERNEL planted_misplaced_tile(float* out)
{
    h16* tiles = tiles_of_ones();
    float d[8][4] = {};
    wgmma(d, shared_tile(tiles), shared_tile(tiles + 128), h16{});
    wgmma_commit();
    wgmma_wait<0>();
    out[threadIdx.x] = d[0][0];
}
EXPORT(planted_misplaced_tile)
