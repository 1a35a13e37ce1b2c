// product.cuh: the matrix product under linear.cu, conv2d.cu and grouped_conv1d.cu: rows of a source times the rows of a weight, by tiles.
//   sum[m, n] = sum_k source(m, k) * weight[n, k]
// A source tells where element k of row m lies: `const T* at(const Row& row, int k)`, null for a zero, after `Row row(int m)`. So a
// convolution is a product whose rows are windows, and none is ever gathered in memory.
// Half types: mma.sync m16n8k16 with fp32 sums, fed by a ring of shared-memory stages that cp.async fills. fp32: plain tiles of FMAs.
#pragma once
#include "common/epilogue.cuh"
#include "common/mma.cuh"

template <typename T> struct Columns {
    const T* weight; // [columns, stride], rows zero-filled from depth on
    int stride;      // a multiple of 8
    int depth;
};

// One tile's shape. Warps lie warps_m by warps_n; each takes (m / warps_m) by (n / warps_n).
template <int M, int N, int WarpsM, int WarpsN> struct Tile {
    static constexpr int m = M, n = N, warps_m = WarpsM, warps_n = WarpsN, threads = 32 * WarpsM * WarpsN;
};

constexpr int TileDepth = 32;       // of one stage
constexpr int Stages = 3;           // of the ring
constexpr int StageStride = 32 + 8; // halves from row to row: 80 bytes, so that the eight rows of an ldmatrix take all banks once

// Brings 8 neighbouring elements of a row into shared memory; Width says how many the source has side by side for certain, 8 or 1.
template <int Width, typename T, typename Source>
DEVICE void load_eight(T* to, const Source& source, const typename Source::Row& row, int k, int depth, const T* anywhere)
{
    if constexpr (Width == 8) {
        const T* from = k < depth ? source.at(row, k) : nullptr;
        cp_async16(to, from == nullptr ? anywhere : from, from != nullptr);
    } else {
        Pack<T> pack;
        for (int i = 0; i < 8; i++) {
            const T* from = k + i < depth ? source.at(row, k + i) : nullptr;
            pack.v[i] = from == nullptr ? from_float<T>(0.0f) : *from;
        }
        store_pack(to, pack);
    }
}

// One tile: block (m0, n0) of the sums, through the epilogue. Shared memory: Stages * (m + n) * StageStride elements.
template <typename T, typename Shape, int Width, typename Source>
DEVICE void half_product(T* shared, const Source& source, const Columns<T>& weight, const Epilogue<T>& epilogue, int m0, int n0)
{
    constexpr int TilesM = Shape::m / Shape::warps_m / 16, TilesN = Shape::n / Shape::warps_n / 8;
    constexpr int RowsAtOnce = Shape::threads / 4; // four threads bring the 32 elements of a row
    static_assert(TilesN % 2 == 0 && Shape::m % RowsAtOnce == 0, "a tile its threads divide");
    constexpr int RowsA = Shape::m / RowsAtOnce, RowsB = (Shape::n + RowsAtOnce - 1) / RowsAtOnce;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int warp_m = warp % Shape::warps_m * TilesM * 16, warp_n = warp / Shape::warps_m * TilesN * 8;
    const int line = threadIdx.x / 4, column = threadIdx.x % 4 * 8;

    typename Source::Row row[RowsA];
    for (int i = 0; i < RowsA; i++)
        row[i] = source.row(m0 + line + i * RowsAtOnce);
    const T* weights[RowsB]; // null beyond the last column
    for (int i = 0; i < RowsB; i++) {
        const int n = n0 + line + i * RowsAtOnce;
        weights[i] =
            n < epilogue.columns ? weight.weight + (size_t)weight_row(n, epilogue.columns, epilogue.activation) * weight.stride : nullptr;
    }
    const auto load = [&](int step) {
        T* stage = shared + step % Stages * (Shape::m + Shape::n) * StageStride;
        const int k = step * TileDepth + column;
#pragma unroll
        for (int i = 0; i < RowsA; i++)
            load_eight<Width>(stage + (line + i * RowsAtOnce) * StageStride + column, source, row[i], k, weight.depth, weight.weight);
#pragma unroll
        for (int i = 0; i < RowsB; i++) {
            if (line + i * RowsAtOnce >= Shape::n) break;
            const bool inside = weights[i] != nullptr && k < weight.depth; // the row's own padding makes its last eight whole
            cp_async16(stage + (Shape::m + line + i * RowsAtOnce) * StageStride + column, inside ? weights[i] + k : weight.weight, inside);
        }
    };

    float sum[TilesM][TilesN][4] = {};
    const int steps = (weight.depth + TileDepth - 1) / TileDepth;
    for (int step = 0; step < Stages - 1; step++) {
        if (step < steps) load(step);
        cp_async_commit();
    }
    for (int step = 0; step < steps; step++) {
        cp_async_wait<Stages - 2>();
        __syncthreads(); // this stage has come for everyone, and everyone is done with the one that is filled next
        if (step + Stages - 1 < steps) load(step + Stages - 1);
        cp_async_commit(); // also an empty group: the wait counts groups
        const T* a_rows = shared + step % Stages * (Shape::m + Shape::n) * StageStride;
        const T* b_rows = a_rows + Shape::m * StageStride;
#pragma unroll
        for (int k = 0; k < TileDepth; k += 16) {
            unsigned a[TilesM][4];
#pragma unroll
            for (int i = 0; i < TilesM; i++)
                ldmatrix_x4(a[i], a_rows + (warp_m + i * 16 + lane % 16) * StageStride + k + lane / 16 * 8);
#pragma unroll
            for (int j = 0; j < TilesN; j += 2) {
                unsigned b[4]; // two tiles of eight columns
                ldmatrix_x4(b, b_rows + (warp_n + j * 8 + lane % 8 + lane / 16 * 8) * StageStride + k + lane / 8 % 2 * 8);
                const unsigned b0[2] = {b[0], b[1]}, b1[2] = {b[2], b[3]};
#pragma unroll
                for (int i = 0; i < TilesM; i++) {
                    mma(sum[i][j], a[i], b0, T{});
                    mma(sum[i][j + 1], a[i], b1, T{});
                }
            }
        }
    }
    cp_async_wait<0>();

#pragma unroll
    for (int i = 0; i < TilesM; i++) {
#pragma unroll
        for (int j = 0; j < TilesN; j++) {
            const int m = m0 + warp_m + i * 16 + lane / 4, n = n0 + warp_n + j * 8 + lane % 4 * 2;
            store_pair(epilogue, m, n, sum[i][j][0], sum[i][j][1]);
            store_pair(epilogue, m + 8, n, sum[i][j][2], sum[i][j][3]);
        }
    }
}

constexpr int FloatTile = 64, FloatDepth = 16; // 64 x 64 sums, 256 threads, four by four a thread

template <typename Source>
DEVICE void float_product(const Source& source, const Columns<float>& weight, const Epilogue<float>& epilogue, int m0, int n0)
{
    __shared__ float a[FloatDepth][FloatTile + 4], b[FloatDepth][FloatTile + 4];
    // Threads 4 r ... 4 r + 3 bring row r, four elements each.
    const int line = threadIdx.x / 4, part = threadIdx.x % 4 * 4;
    const auto row = source.row(m0 + line);
    const int n = n0 + line;
    const float* weights =
        n < epilogue.columns ? weight.weight + (size_t)weight_row(n, epilogue.columns, epilogue.activation) * weight.stride : nullptr;
    const int m_own = threadIdx.x / 16 * 4, n_own = threadIdx.x % 16 * 4;

    float sum[4][4] = {};
    for (int k0 = 0; k0 < weight.depth; k0 += FloatDepth) {
        __syncthreads();
        for (int i = part; i < part + 4; i++) {
            const int k = k0 + i;
            const float* from = k < weight.depth ? source.at(row, k) : nullptr;
            a[i][line] = from == nullptr ? 0.0f : *from;
            b[i][line] = weights != nullptr && k < weight.depth ? weights[k] : 0.0f;
        }
        __syncthreads();
        for (int k = 0; k < FloatDepth; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sum[i][j] += a[k][m_own + i] * b[k][n_own + j];
            }
        }
    }
    for (int i = 0; i < 4; i++) {
        store_pair(epilogue, m0 + m_own + i, n0 + n_own, sum[i][0], sum[i][1]);
        store_pair(epilogue, m0 + m_own + i, n0 + n_own + 2, sum[i][2], sum[i][3]);
    }
}

using SmallTile = Tile<64, 64, 2, 2>;
using WideTile = Tile<128, 160, 4, 2>; // 320, 640 and 1280 columns are whole tiles
