// attention.cu: softmax(scale q k^T + gate * bias) v for each head in half types, by tiles that never leave the chip.
// Source    Dao et al. 2022 and 2023 (FlashAttention, FlashAttention-2); scores are held to a maximum that is let go stale, as in
// FlashAttention-4. Shapes    see Attention in common/scores.cuh; a head width that is a multiple of 8, addresses of 16 bytes. Launch grid
// (ceil(queries / rows), heads, B * slices) with the rows, slices, threads and bytes of dynamic shared memory of the Form
//           that the kernel's name ends in; its width is not below the head's: what a head lacks is zero. A slice is a part of the
//           value's columns: wide heads take several blocks, each of which scores anew, since their sums would not fit the registers.
// Cost      4 B heads queries keys width operations on tensor cores; one exponential a score.
#include "common/mma.cuh"
#include "common/scores.cuh"

constexpr int Ring = 3;                // stages of keys, and of values, in shared memory
constexpr float Unseen = 2 * NoScore;  // a score that counts for nothing, even where the row has none yet
constexpr float MostShares = 16384.0f; // what a lane's shares of a step may add up to, so that each fits half precision
constexpr float Log2e = 1.44269504f;   // scores are turned to powers of two, whose exponential the hardware has

// A warp has Tiles of 16 queries and takes Step keys at a time. RowWarps lie below each other; KeyWarps share a step's keys and join
// their sums at the end. A stage is what lies between two barriers: Turns steps. Columns of the value are summed in one block.
template <int Width, int Columns, int Tiles, int RowWarps, int KeyWarps, int Step, int Turns> struct Form {
    static constexpr int width = Width, columns = Columns, tiles = Tiles, row_warps = RowWarps, key_warps = KeyWarps, step = Step,
                         turns = Turns, rows = 16 * Tiles * RowWarps, threads = 32 * RowWarps * KeyWarps, slices = Width / Columns,
                         stage = KeyWarps * Turns * Step;
    // Elements from row to row in shared memory: an odd number of 16 bytes, so that eight rows take all banks once.
    static constexpr int stride = Width / 8 % 2 ? Width : Width + 8, value_stride = Columns / 8 % 2 ? Columns : Columns + 8;
    static_assert(Width % Columns == 0 && Columns % 8 == 0 && Step % 16 == 0, "whole fragments");
};

// A thread's part in bringing stages of Rows rows of Width columns: every AtOnce-th row of one column of 16 bytes.
template <typename T, int Width, int Stride, int Rows, int Threads> class Loader
{
    static constexpr int Packs = Width / 8, AtOnce = Threads / Packs;
    static_assert(Threads >= Packs, "a thread for each 16 bytes of a row");
    const T* from_;
    T* to_;
    int pitch_, row_, last_;
    bool inside_;

  public:
    // Of the source, `last` rows and `columns` columns are there; the rest is zero.
    DEVICE_MEMBER Loader(const T* from, T* to, int pitch, int last, int columns)
        : from_(from + threadIdx.x % Packs * 8), to_(to + threadIdx.x / Packs * Stride + threadIdx.x % Packs * 8), pitch_(pitch),
          row_(threadIdx.x / Packs), last_(last), inside_((int)(threadIdx.x % Packs) * 8 < columns)
    {
    }

    DEVICE_MEMBER void load(int slot, int first) const
    {
        if (AtOnce * Packs < Threads && row_ >= AtOnce) return;
        T* to = to_ + slot * (Rows * Stride);
#pragma unroll
        for (int r = 0; r < Rows; r += AtOnce) {
            const int row = first + r + row_;
            if (r + AtOnce <= Rows || r + row_ < Rows) cp_async16(to + r * Stride, from_ + (long long)row * pitch_, inside_ && row < last_);
        }
    }
};

// What a warp keeps of its queries. A lane holds rows lane / 4 and lane / 4 + 8 of each tile, and two neighbouring columns of every eight.
template <typename T, typename F> struct Warp {
    static constexpr int Tiles = F::tiles, Whole = F::width / 16, Half = F::width / 8 % 2, Chunks = F::step / 16, Values = F::columns / 8;

    unsigned query[Tiles][Whole + Half][4]; // of the half one, the first two
    float score[Tiles][Chunks][2][4];       // raw: of the step to come
    unsigned share[Tiles][Chunks][4];       // of the step before, as left operands
    float sum[Tiles][Values][4];
    float total[Tiles][2], largest[Tiles][2]; // largest: of scores times `factor`, all that were seen or fewer

    // Scores of 16 keys at `keys`, this lane's place in their rows, and at `rest` for the half step.
    DEVICE_MEMBER void products(float (&to)[Tiles][Chunks][2][4], int chunk, const T* keys, const T* rest) const
    {
#pragma unroll
        for (int i = 0; i < Tiles; i++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                to[i][chunk][0][e] = to[i][chunk][1][e] = 0;
#pragma unroll
        for (int s = 0; s < Whole; s++) {
            unsigned f[4];
            ldmatrix_x4(f, keys + chunk * 16 * F::stride + s * 16);
            const unsigned f0[2] = {f[0], f[1]}, f1[2] = {f[2], f[3]};
#pragma unroll
            for (int i = 0; i < Tiles; i++) {
                mma(to[i][chunk][0], query[i][s], f0, T{});
                mma(to[i][chunk][1], query[i][s], f1, T{});
            }
        }
        if constexpr (Half) {
            unsigned f[2];
            ldmatrix_x2(f, rest + chunk * 16 * F::stride);
#pragma unroll
            for (int i = 0; i < Tiles; i++) {
                const unsigned own[2] = {query[i][Whole][0], query[i][Whole][1]};
                mma(to[i][chunk][0], own, f[0], T{});
                mma(to[i][chunk][1], own, f[1], T{});
            }
        }
    }

    // Adds the shares of 16 keys times their values at `values`, this lane's place in their rows, and at `rest` for the last odd tile.
    DEVICE_MEMBER void weigh(int chunk, const T* values, const T* rest)
    {
#pragma unroll
        for (int t = 0; t + 1 < Values; t += 2) {
            unsigned f[4];
            ldmatrix_x4_trans(f, values + chunk * 16 * F::value_stride + t * 8);
            const unsigned f0[2] = {f[0], f[1]}, f1[2] = {f[2], f[3]};
#pragma unroll
            for (int i = 0; i < Tiles; i++) {
                mma(sum[i][t], share[i][chunk], f0, T{});
                mma(sum[i][t + 1], share[i][chunk], f1, T{});
            }
        }
        if constexpr (Values % 2) {
            unsigned f[2];
            ldmatrix_x2_trans(f, rest + chunk * 16 * F::value_stride + (Values - 1) * 8);
#pragma unroll
            for (int i = 0; i < Tiles; i++)
                mma(sum[i][Values - 1], share[i][chunk], f, T{});
        }
    }

    // The scores' fragments are, once packed, those of the left operand.
    DEVICE_MEMBER void pack(int tile, int chunk, const float (&p)[2][4])
    {
#pragma unroll
        for (int e = 0; e < 4; e++)
            share[tile][chunk][e] = pack_pair<T>(p[e / 2][e % 2 * 2], p[e / 2][e % 2 * 2 + 1]);
    }
};

template <typename T, typename F> DEVICE void attention(const Attention<T>& a)
{
    using W = Warp<T, F>;
    constexpr int Slots = Ring * F::turns, StepRows = F::key_warps * F::step; // slots of a step in a ring
    DYNAMIC_SHARED(T, shared);
    T* key_rows = shared;
    T* value_rows = key_rows + Ring * F::stage * F::stride;

    const int lane = threadIdx.x % 32, row_warp = threadIdx.x / 32 % F::row_warps, key_warp = threadIdx.x / 32 / F::row_warps;
    const int head = blockIdx.y, b = blockIdx.z / F::slices, column0 = blockIdx.z % F::slices * F::columns;
    const int pitch = a.heads * a.width, warp0 = blockIdx.x * F::rows + row_warp * 16 * F::tiles, row0 = warp0 + lane / 4;
    const size_t own_key = (size_t)b * a.keys * pitch + head * a.width;
    const Loader<T, F::width, F::stride, F::stage, F::threads> keys(a.k + own_key, key_rows, pitch, a.keys, a.width);
    const Loader<T, F::columns, F::value_stride, F::stage, F::threads> values(a.v + own_key + column0, value_rows, pitch, a.keys,
                                                                              a.width - column0);
    keys.load(0, 0);
    cp_async_commit();
    keys.load(1, F::stage);
    values.load(0, 0);
    cp_async_commit();
    keys.load(2, 2 * F::stage);
    values.load(1, F::stage);
    cp_async_commit();

    W w;
#pragma unroll
    for (int i = 0; i < F::tiles; i++) {
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const int row = row0 + i * 16 + r * 8;
            const T* q = a.q + ((size_t)b * a.queries + row) * pitch + head * a.width;
            w.total[i][r] = 0;
            w.largest[i][r] = NoScore;
#pragma unroll
            for (int s = 0; s < W::Whole + W::Half; s++) {
#pragma unroll
                for (int h = 0; h < (s < W::Whole ? 2 : 1); h++) {
                    const int c = s * 16 + h * 8 + lane % 4 * 2;
                    w.query[i][s][2 * h + r] = row < a.queries && c < a.width ? *reinterpret_cast<const unsigned*>(q + c) : 0;
                }
            }
        }
#pragma unroll
        for (int t = 0; t < W::Values; t++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                w.sum[i][t][e] = 0;
    }

    // This lane's places in the rows of a step's keys and values.
    const T* key_at = key_rows + (key_warp * F::step + lane % 8 + lane / 16 * 8) * F::stride + lane / 8 % 2 * 8;
    const T* key_rest = key_rows + (key_warp * F::step + lane % 16) * F::stride + W::Whole * 16;
    const T* value_at = value_rows + (key_warp * F::step + lane % 16) * F::value_stride + lane / 16 * 8;
    const T* value_rest = value_rows + (key_warp * F::step + lane % 16) * F::value_stride;
    const auto products = [&](float(&to)[F::tiles][W::Chunks][2][4], int chunk, int slot) {
        w.products(to, chunk, key_at + slot * StepRows * F::stride, key_rest + slot * StepRows * F::stride);
    };
    const auto weigh = [&](int chunk, int slot) {
        w.weigh(chunk, value_at + slot * StepRows * F::value_stride, value_rest + slot * StepRows * F::value_stride);
    };

    const float factor = a.scale * Log2e;
    const int seen = a.causal && (int)(blockIdx.x + 1) * F::rows < a.keys ? (blockIdx.x + 1) * F::rows : a.keys;
    const int steps = (seen + StepRows - 1) / StepRows;
    // Of steps whose keys all rows of the warp see: those before it.
    const int whole = a.bias != nullptr ? 0 : a.causal && warp0 + 1 < a.keys ? warp0 + 1 : a.keys;

    cp_async_wait<2>();
    __syncthreads();
#pragma unroll
    for (int c = 0; c < W::Chunks; c++)
        products(w.score, c, 0);
    int slot = 0, before = Slots - 1;
    for (int step = 0; step < steps; step++) {
        const int after = slot + 1 == Slots ? 0 : slot + 1, key0 = (step * F::key_warps + key_warp) * F::step;
        if (step % F::turns == 0) {
            if (step == 0)
                cp_async_wait<1>();
            else
                cp_async_wait<0>();
            __syncthreads(); // the next stage's keys and this one's values have come, and everyone is done with those before
            if (step > 0) {
                const int stage = step / F::turns, free = slot / F::turns;
                keys.load((free + 2) % Ring, (stage + 2) * F::stage);
                values.load((free + 1) % Ring, (stage + 1) * F::stage);
                cp_async_commit();
            }
        }

        // As a rule, one stream of work without a branch: the last step's shares times their values, this step's shares to the old maximum,
        // and the next step's scores do not depend on each other.
        bool precise = step == 0 || key0 + F::step > whole;
        const bool known = precise;
        if (!known) {
            float offset[F::tiles][2], part[F::tiles][2];
#pragma unroll
            for (int i = 0; i < F::tiles; i++)
#pragma unroll
                for (int r = 0; r < 2; r++) {
                    offset[i][r] = -w.largest[i][r];
                    part[i][r] = 0;
                }
#pragma unroll
            for (int c = 0; c < W::Chunks; c++) {
                weigh(c, before);
#pragma unroll
                for (int i = 0; i < F::tiles; i++) {
                    float p[2][4];
#pragma unroll
                    for (int t = 0; t < 2; t++)
#pragma unroll
                        for (int e = 0; e < 4; e++) {
                            p[t][e] = exp2_approx(fmaf(w.score[i][c][t][e], factor, offset[i][e / 2]));
                            part[i][e / 2] += p[t][e];
                        }
                    w.pack(i, c, p);
                }
                products(w.score, c, after);
            }
            float most = 0;
#pragma unroll
            for (int i = 0; i < F::tiles; i++)
                most = fmaxf(most, fmaxf(part[i][0], part[i][1]));
            precise = __any_sync(0xffffffffu, most > MostShares);
            if (!precise) {
#pragma unroll
                for (int i = 0; i < F::tiles; i++)
#pragma unroll
                    for (int r = 0; r < 2; r++)
                        w.total[i][r] += part[i][r];
            }
        }

        // Otherwise with all tests, and a new maximum: at first, at the ends, with a bias, and when a score is far beyond the old one.
        if (precise) {
            float x[F::tiles][W::Chunks][2][4];
            if (known) {
#pragma unroll
                for (int c = 0; c < W::Chunks; c++) {
                    if (step > 0) weigh(c, before);
#pragma unroll
                    for (int i = 0; i < F::tiles; i++)
#pragma unroll
                        for (int e = 0; e < 8; e++)
                            x[i][c][e / 4][e % 4] = w.score[i][c][e / 4][e % 4];
                    products(w.score, c, after);
                }
            } else {
#pragma unroll
                for (int c = 0; c < W::Chunks; c++)
                    products(x, c, slot);
            }
#pragma unroll
            for (int i = 0; i < F::tiles; i++) {
#pragma unroll
                for (int r = 0; r < 2; r++) {
                    const int row = row0 + i * 16 + r * 8, limit = a.causal && row + 1 < a.keys ? row + 1 : a.keys;
                    const RowBias<T> bias(a, b, head, row);
                    float larger = w.largest[i][r];
#pragma unroll
                    for (int c = 0; c < W::Chunks; c++)
#pragma unroll
                        for (int e = 0; e < 4; e++) {
                            const int j = key0 + c * 16 + e / 2 * 8 + lane % 4 * 2 + e % 2;
                            float& score = x[i][c][e / 2][2 * r + e % 2];
                            score = j < limit ? factor * score + Log2e * bias.at(j) : Unseen;
                            larger = fmaxf(larger, score);
                        }
                    larger = fmaxf(larger, __shfl_xor_sync(0xffffffffu, larger, 1)); // four lanes share a row
                    larger = fmaxf(larger, __shfl_xor_sync(0xffffffffu, larger, 2));
                    const float fade = exp2_approx(w.largest[i][r] - larger);
                    w.largest[i][r] = larger;
                    float part = 0;
#pragma unroll
                    for (int c = 0; c < W::Chunks; c++)
#pragma unroll
                        for (int e = 0; e < 4; e++) {
                            float& score = x[i][c][e / 2][2 * r + e % 2];
                            score = exp2_approx(score - larger);
                            part += score;
                        }
                    w.total[i][r] = w.total[i][r] * fade + part;
#pragma unroll
                    for (int t = 0; t < W::Values; t++) {
                        w.sum[i][t][2 * r] *= fade;
                        w.sum[i][t][2 * r + 1] *= fade;
                    }
                }
#pragma unroll
                for (int c = 0; c < W::Chunks; c++)
                    w.pack(i, c, x[i][c]);
            }
        }
        before = slot;
        slot = after;
    }
#pragma unroll
    for (int c = 0; c < W::Chunks; c++)
        weigh(c, before);
    cp_async_wait<0>();

    if constexpr (F::key_warps > 1) {
        // The warps of one set of rows meet: the others leave their sums in shared memory, [value][lane] for each.
        constexpr int Kept = F::tiles * (W::Values * 4 + 4);
        float* left = reinterpret_cast<float*>(shared) + row_warp * Kept * 32 + lane;
        __syncthreads(); // everyone is done with keys and values
        if (key_warp > 0) {
            float* to = left + (key_warp - 1) * F::row_warps * Kept * 32;
#pragma unroll
            for (int i = 0; i < F::tiles; i++) {
#pragma unroll
                for (int r = 0; r < 2; r++) {
                    *to = w.largest[i][r], to += 32;
                    *to = w.total[i][r], to += 32;
#pragma unroll
                    for (int t = 0; t < W::Values; t++)
#pragma unroll
                        for (int e = 0; e < 2; e++)
                            *to = w.sum[i][t][2 * r + e], to += 32;
                }
            }
        }
        __syncthreads();
        if (key_warp > 0) return;
#pragma unroll 1
        for (int other = 1; other < F::key_warps; other++) {
            const float* from = left + (other - 1) * F::row_warps * Kept * 32;
#pragma unroll
            for (int i = 0; i < F::tiles; i++) {
#pragma unroll
                for (int r = 0; r < 2; r++) {
                    const float theirs = *from, larger = fmaxf(w.largest[i][r], theirs), fade = exp2_approx(w.largest[i][r] - larger),
                                their_fade = exp2_approx(theirs - larger);
                    w.largest[i][r] = larger;
                    w.total[i][r] = w.total[i][r] * fade + from[32] * their_fade;
                    from += 64;
#pragma unroll
                    for (int t = 0; t < W::Values; t++)
#pragma unroll
                        for (int e = 0; e < 2; e++) {
                            w.sum[i][t][2 * r + e] = w.sum[i][t][2 * r + e] * fade + *from * their_fade;
                            from += 32;
                        }
                }
            }
        }
    }

#pragma unroll
    for (int i = 0; i < F::tiles; i++) {
#pragma unroll
        for (int r = 0; r < 2; r++) {
            float total = w.total[i][r];
            total += __shfl_xor_sync(0xffffffffu, total, 1);
            total += __shfl_xor_sync(0xffffffffu, total, 2);
            const float share = 1.0f / total;
            const int row = row0 + i * 16 + r * 8;
            T* y = a.y + ((size_t)b * a.queries + row) * pitch + head * a.width;
#pragma unroll
            for (int t = 0; t < W::Values; t++) {
                const int c = column0 + t * 8 + lane % 4 * 2;
                // The width is a multiple of 8, so a pair lies inside or outside.
                if (row < a.queries && c < a.width)
                    *reinterpret_cast<unsigned*>(y + c) = pack_pair<T>(w.sum[i][t][2 * r] * share, w.sum[i][t][2 * r + 1] * share);
            }
        }
    }
}

#define FORM(name, T, ...)                                                                                                                 \
    KERNEL THREADS((Form<__VA_ARGS__>::threads)) name(const Attention<T> a)                                                                \
    {                                                                                                                                      \
        attention<T, Form<__VA_ARGS__>>(a);                                                                                                \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    FORM(attention_##suffix##_16, T, 16, 16, 1, 4, 1, 32, 2)                                                                               \
    FORM(attention_##suffix##_32, T, 32, 32, 1, 4, 1, 32, 2)                                                                               \
    FORM(attention_##suffix##_40, T, 40, 40, 2, 4, 1, 32, 2)                                                                               \
    FORM(attention_##suffix##_64, T, 64, 64, 1, 4, 1, 32, 2)                                                                               \
    FORM(attention_##suffix##_80, T, 80, 80, 2, 2, 2, 16, 2)                                                                               \
    FORM(attention_##suffix##_128, T, 128, 128, 1, 4, 1, 16, 2)                                                                            \
    FORM(attention_##suffix##_160, T, 160, 160, 1, 2, 4, 16, 1)                                                                            \
    FORM(attention_##suffix##_160s, T, 160, 160, 1, 2, 2, 16, 1)                                                                           \
    FORM(attention_##suffix##_256, T, 256, 128, 1, 4, 1, 16, 1)                                                                            \
    FORM(attention_##suffix##_512, T, 512, 128, 1, 4, 1, 16, 1)
FOR_EACH_HALF(INSTANCE)
