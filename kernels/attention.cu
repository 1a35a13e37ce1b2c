// attention.cu: softmax(scale q k^T + gate * bias) v for each head in half types, by tiles that never leave the chip.
// Source    Dao et al. 2022 and 2023 (FlashAttention, FlashAttention-2).
// Shapes    see Attention in common/scores.cuh; a head width that is a multiple of 8, addresses of 16 bytes.
// Launch    grid (ceil(queries / rows), heads, B * slices) with the rows, slices, threads and bytes of dynamic shared memory that Form
// gives for the
//           width in the kernel's name, the smallest that is not below the head's: what a head lacks is zero. A slice is a part of the
//           value's columns: wide heads take several blocks, each of which scores anew, since their sums would not fit the registers.
// Cost      4 B heads queries keys width operations on tensor cores; one exponential a score.
#include "common/mma.cuh"
#include "common/scores.cuh"

// Warps of 16 queries; keys at a time; columns of the value in one block.
template <int Width, int Warps, int Keys, int Columns> struct Form {
    static constexpr int width = Width, warps = Warps, keys = Keys, columns = Columns, rows = 16 * Warps;
    // Elements from row to row in shared memory: eight rows of 16 bytes take all banks once.
    static constexpr int stride = Width + 8, value_stride = Columns + 8;
};

// Brings `rows` rows of `width` columns, of which the source has rows [first, last) and columns up to `columns`; zero elsewhere.
template <typename T, int Rows, int Width, int Stride, int Threads>
DEVICE void load_rows(T* to, const T* from, size_t pitch, int first, int last, int columns)
{
    for (int i = threadIdx.x; i < Rows * (Width / 8); i += Threads) {
        const int r = i / (Width / 8), c = i % (Width / 8) * 8;
        const bool inside = first + r < last && c < columns;
        cp_async16(to + r * Stride + c, inside ? from + (first + r) * pitch + c : from, inside);
    }
}

template <typename T, typename F> DEVICE void attention(const Attention<T>& a)
{
    constexpr int Steps = F::width / 16, KeyTiles = F::keys / 8, ValueTiles = F::columns / 8, Slices = F::width / F::columns;
    constexpr bool KeepQuery = Steps <= 5; // in registers; wider ones are read from shared memory again
    static_assert(F::width % F::columns == 0 && F::columns % 16 == 0 && F::keys % 16 == 0, "whole fragments");
    DYNAMIC_SHARED(T, shared);
    T* query_rows = shared;
    T* key_rows = query_rows + F::rows * F::stride;
    T* value_rows = key_rows + F::keys * F::stride;

    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, head = blockIdx.y, b = blockIdx.z / Slices;
    const int column0 = blockIdx.z % Slices * F::columns, query0 = blockIdx.x * F::rows;
    const size_t pitch = (size_t)a.heads * a.width;
    const T* q = a.q + (size_t)b * a.queries * pitch + head * a.width;
    const T* k = a.k + (size_t)b * a.keys * pitch + head * a.width;
    const T* v = a.v + (size_t)b * a.keys * pitch + head * a.width + column0;
    constexpr int Threads = 32 * F::warps;
    const auto load_keys = [&](int key0) {
        load_rows<T, F::keys, F::width, F::stride, Threads>(key_rows, k, pitch, key0, a.keys, a.width);
    };
    const auto load_values = [&](int key0) {
        load_rows<T, F::keys, F::columns, F::value_stride, Threads>(value_rows, v, pitch, key0, a.keys, a.width - column0);
    };

    load_rows<T, F::rows, F::width, F::stride, Threads>(query_rows, q, pitch, query0, a.queries, a.width);
    load_keys(0);
    cp_async_commit();

    // A thread holds rows lane / 4 and lane / 4 + 8 of its warp's sixteen, and two neighbouring columns of every tile of eight.
    const int row0 = query0 + warp * 16 + lane / 4;
    const RowBias<T> bias[2] = {RowBias<T>(a, b, head, row0), RowBias<T>(a, b, head, row0 + 8)};
    const T* query_at = query_rows + (warp * 16 + lane % 16) * F::stride + lane / 16 * 8;
    unsigned kept[KeepQuery ? Steps : 1][4];
    float sum[ValueTiles][4] = {}, total[2] = {}, largest[2] = {NoScore, NoScore};
    constexpr float Log2e = 1.44269504f;

    const int seen = a.causal && query0 + F::rows < a.keys ? query0 + F::rows : a.keys;
    for (int key0 = 0; key0 < seen; key0 += F::keys) {
        cp_async_wait<0>();
        __syncthreads(); // the keys have come, and everyone is done with the values before
        load_values(key0);
        cp_async_commit();
        if constexpr (KeepQuery) {
            if (key0 == 0) {
#pragma unroll
                for (int s = 0; s < Steps; s++)
                    ldmatrix_x4(kept[s], query_at + s * 16);
            }
        }

        float score[KeyTiles][4] = {};
#pragma unroll
        for (int s = 0; s < Steps; s++) {
            unsigned own[4];
            if constexpr (KeepQuery) {
#pragma unroll
                for (int i = 0; i < 4; i++)
                    own[i] = kept[s][i];
            } else {
                ldmatrix_x4(own, query_at + s * 16);
            }
#pragma unroll
            for (int t = 0; t < KeyTiles; t += 2) {
                unsigned f[4];
                ldmatrix_x4(f, key_rows + (t * 8 + lane % 8 + lane / 16 * 8) * F::stride + s * 16 + lane / 8 % 2 * 8);
                const unsigned f0[2] = {f[0], f[1]}, f1[2] = {f[2], f[3]};
                mma(score[t], own, f0, T{});
                mma(score[t + 1], own, f1, T{});
            }
        }

        // To powers of two, whose exponential the hardware has.
        float larger[2] = {largest[0], largest[1]};
#pragma unroll
        for (int t = 0; t < KeyTiles; t++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const int j = key0 + t * 8 + lane % 4 * 2 + e % 2, r = e / 2;
                const bool sees = j < a.keys && !(a.causal && j > row0 + r * 8);
                score[t][e] = sees ? (a.scale * score[t][e] + bias[r].at(j)) * Log2e : NoScore;
                larger[r] = fmaxf(larger[r], score[t][e]);
            }
        }
#pragma unroll
        for (int r = 0; r < 2; r++) {
            larger[r] = fmaxf(larger[r], __shfl_xor_sync(0xffffffffu, larger[r], 1)); // four lanes share a row
            larger[r] = fmaxf(larger[r], __shfl_xor_sync(0xffffffffu, larger[r], 2));
            const float fade = exp2f(largest[r] - larger[r]);
            largest[r] = larger[r];
            total[r] *= fade;
#pragma unroll
            for (int t = 0; t < ValueTiles; t++) {
                sum[t][2 * r] *= fade;
                sum[t][2 * r + 1] *= fade;
            }
        }
#pragma unroll
        for (int t = 0; t < KeyTiles; t++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                score[t][e] = exp2f(score[t][e] - largest[e / 2]);
                total[e / 2] += score[t][e];
            }
        }

        cp_async_wait<0>();
        __syncthreads(); // the values have come, and everyone is done with the keys
        if (key0 + F::keys < seen) load_keys(key0 + F::keys);
        cp_async_commit();
#pragma unroll
        for (int s = 0; s < F::keys / 16; s++) {
            // The scores' fragments are, once packed, those of the left operand.
            const unsigned p[4] = {pack_pair<T>(score[2 * s][0], score[2 * s][1]), pack_pair<T>(score[2 * s][2], score[2 * s][3]),
                                   pack_pair<T>(score[2 * s + 1][0], score[2 * s + 1][1]),
                                   pack_pair<T>(score[2 * s + 1][2], score[2 * s + 1][3])};
#pragma unroll
            for (int t = 0; t < ValueTiles; t += 2) {
                unsigned f[4];
                ldmatrix_x4_trans(f, value_rows + (s * 16 + lane % 16) * F::value_stride + t * 8 + lane / 16 * 8);
                const unsigned f0[2] = {f[0], f[1]}, f1[2] = {f[2], f[3]};
                mma(sum[t], p, f0, T{});
                mma(sum[t + 1], p, f1, T{});
            }
        }
    }
    cp_async_wait<0>();

#pragma unroll
    for (int r = 0; r < 2; r++) {
        total[r] += __shfl_xor_sync(0xffffffffu, total[r], 1);
        total[r] += __shfl_xor_sync(0xffffffffu, total[r], 2);
        const int i = row0 + r * 8;
        T* y = a.y + ((size_t)b * a.queries + i) * pitch + head * a.width;
#pragma unroll
        for (int t = 0; t < ValueTiles; t++) {
            const int c = column0 + t * 8 + lane % 4 * 2;
            // The width is a multiple of 8, so a pair lies inside or outside.
            if (i < a.queries && c < a.width)
                *reinterpret_cast<unsigned*>(y + c) = pack_pair<T>(sum[t][2 * r] / total[r], sum[t][2 * r + 1] / total[r]);
        }
    }
}

#define WIDTH(name, T, ...)                                                                                                                \
    KERNEL name(const Attention<T> a)                                                                                                      \
    {                                                                                                                                      \
        attention<T, Form<__VA_ARGS__>>(a);                                                                                                \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    WIDTH(attention_##suffix##_16, T, 16, 4, 64, 16)                                                                                       \
    WIDTH(attention_##suffix##_32, T, 32, 4, 64, 32)                                                                                       \
    WIDTH(attention_##suffix##_48, T, 48, 4, 64, 48)                                                                                       \
    WIDTH(attention_##suffix##_64, T, 64, 4, 64, 64)                                                                                       \
    WIDTH(attention_##suffix##_80, T, 80, 4, 64, 80)                                                                                       \
    WIDTH(attention_##suffix##_128, T, 128, 4, 64, 128)                                                                                    \
    WIDTH(attention_##suffix##_160, T, 160, 4, 32, 160)                                                                                    \
    WIDTH(attention_##suffix##_256, T, 256, 4, 32, 128)                                                                                    \
    WIDTH(attention_##suffix##_512, T, 512, 2, 32, 128)
FOR_EACH_HALF(INSTANCE)
