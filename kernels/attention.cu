// attention.cu: softmax(scale q k^T + gate * bias) v for each head in half types, by tiles that never leave the chip.
// Source    Dao et al. 2022 and 2023 (FlashAttention, FlashAttention-2), but a row's maximum may lag behind (Warp::stream).
// Shapes    see Attention in common/scores.cuh; a head width that is a multiple of 8, addresses of 16 bytes.
// Launch    grid (ceil(queries / rows), heads, B * slices) with the rows, slices and threads of the Form in the table at the end and the
//           dynamic shared memory of its ring (AttentionForm.cs). Its width is not below the head's: what a head lacks is zero. A slice is
//           a part of the value's columns: wide heads take several blocks, each of which scores anew, since their sums would not fit the
//           registers.
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

// A thread's part in bringing one stage after the other of Rows rows of Width columns: every AtOnce-th row of one column of 16 bytes.
template <typename T, int Width, int Stride, int Rows, int Threads> class Loader
{
    static constexpr int Packs = Width / 8, AtOnce = Threads / Packs;
    static_assert(Threads >= Packs, "a thread for each 16 bytes of a row");
    const T* from_;
    T* to_;
    size_t pitch_; // from a row of this thread's to its next
    int row_, rows_, slot_ = 0;
    bool inside_;

  public:
    // Of the source, `rows` rows and `columns` columns are there.
    DEVICE_MEMBER Loader(const T* from, T* to, int pitch, int rows, int columns)
        : pitch_((size_t)AtOnce * pitch), row_(threadIdx.x / Packs), rows_(rows)
    {
        const int column = threadIdx.x % Packs * 8;
        from_ = from + (size_t)row_ * pitch + column;
        to_ = to + row_ * Stride + column;
        inside_ = column < columns;
    }

    // The next stage, with zeros for what is not there; nothing if none of it is.
    DEVICE_MEMBER void load()
    {
        if (rows_ <= 0) return;
        if (AtOnce * Packs == Threads || row_ < AtOnce) {
            T* to = to_ + slot_ * (Rows * Stride);
            const T* from = from_;
            const int left = inside_ ? rows_ - row_ : 0;
#pragma unroll
            for (int r = 0; r < Rows; r += AtOnce) {
                if (r + AtOnce <= Rows || r + row_ < Rows) cp_async16(to + r * Stride, from, r < left);
                from += pitch_;
            }
        }
        from_ += pitch_ / AtOnce * Rows;
        rows_ -= Rows;
        slot_ = slot_ + 1 == Ring ? 0 : slot_ + 1;
    }
};

// Takes Count fragments in turn, each loaded Ahead of its use.
template <int Count, int Ahead, typename Load, typename Take> DEVICE void take_fragments(const Load& load, const Take& take)
{
    unsigned f[Ahead + 1][4];
#pragma unroll
    for (int n = 0; n < Count + Ahead; n++) {
        if (n < Count) load(f[n % (Ahead + 1)], n);
        if (n >= Ahead) take(f[(n - Ahead) % (Ahead + 1)], n - Ahead);
    }
}

// A lane's places in rows of shared memory: for loads of 16 columns, and of the last 8.
template <typename T> struct Place {
    const T *whole, *half;

    DEVICE_MEMBER Place operator+(int elements) const { return {whole + elements, half + elements}; }
};

// What a warp keeps of its queries. A lane holds rows lane / 4 and lane / 4 + 8 of each tile, and two neighbouring columns of every eight.
template <typename T, typename F> struct Warp {
    static constexpr int Tiles = F::tiles, Whole = F::width / 16, Chunks = F::step / 16, Values = F::columns / 8;
    // Fragments that a step loads for each chunk of 16 keys: of keys, with 16 columns each, the last perhaps 8; and as many of values.
    static constexpr int KeyLoads = (F::width + 8) / 16, ValueLoads = (F::columns + 8) / 16, Loads = ValueLoads + KeyLoads,
                         Ahead = F::width < 512 ? 2 : 1;

    unsigned query[Tiles][KeyLoads][4];
    float score[Tiles][Chunks][2][4]; // raw, of the step to come
    unsigned share[Tiles][Chunks][4]; // of the step before, as left operands
    float sum[Tiles][Values][4];
    float total[Tiles][2], largest[Tiles][2]; // largest: of the scores to powers of two; some that were seen since may be larger

    DEVICE_MEMBER static void load_keys(unsigned (&f)[4], const Place<T>& keys, int chunk, int n)
    {
        const int at = chunk * 16 * F::stride + n * 16;
        if (n < Whole)
            ldmatrix_x4(f, keys.whole + at);
        else {
            unsigned half[2];
            ldmatrix_x2(half, keys.half + at);
            f[0] = half[0], f[1] = half[1];
        }
    }

    DEVICE_MEMBER void score_keys(const unsigned (&f)[4], int chunk, int n)
    {
#pragma unroll
        for (int i = 0; i < Tiles; i++) {
#pragma unroll
            for (int t = 0; t < 2; t++) {
                float(&d)[4] = score[i][chunk][t];
                if (n == 0) d[0] = d[1] = d[2] = d[3] = 0;
                if (n < Whole) {
                    const unsigned column[2] = {f[2 * t], f[2 * t + 1]};
                    mma(d, query[i][n], column, T{});
                } else if constexpr (F::width % 16 != 0) {
                    const unsigned half[2] = {query[i][n][0], query[i][n][1]};
                    mma(d, half, f[t], T{});
                }
            }
        }
    }

    DEVICE_MEMBER static void load_values(unsigned (&f)[4], const Place<T>& values, int chunk, int n)
    {
        const int at = chunk * 16 * F::value_stride + n * 16;
        if (n < Values / 2)
            ldmatrix_x4_trans(f, values.whole + at);
        else {
            unsigned half[2];
            ldmatrix_x2_trans(half, values.half + at);
            f[0] = half[0], f[1] = half[1];
        }
    }

    DEVICE_MEMBER void add_values(const unsigned (&f)[4], int chunk, int n)
    {
#pragma unroll
        for (int i = 0; i < Tiles; i++) {
#pragma unroll
            for (int t = 0; t < 2; t++) {
                const unsigned column[2] = {f[2 * t], f[2 * t + 1]};
                if (2 * n + t < Values) mma(sum[i][2 * n + t], share[i][chunk], column, T{});
            }
        }
    }

    // The raw scores of a step's keys.
    DEVICE_MEMBER void products(const Place<T>& keys)
    {
        take_fragments<Chunks * KeyLoads, Ahead>([&](unsigned(&f)[4], int n) { load_keys(f, keys, n / KeyLoads, n % KeyLoads); },
                                                 [&](const unsigned(&f)[4], int n) { score_keys(f, n / KeyLoads, n % KeyLoads); });
    }

    // Adds the last step's shares times their values.
    DEVICE_MEMBER void weigh(const Place<T>& values)
    {
        take_fragments<Chunks * ValueLoads, Ahead>([&](unsigned(&f)[4], int n) { load_values(f, values, n / ValueLoads, n % ValueLoads); },
                                                   [&](const unsigned(&f)[4], int n) { add_values(f, n / ValueLoads, n % ValueLoads); });
    }

    // The scores' fragments are, once packed, those of the left operand.
    DEVICE_MEMBER static void pack(unsigned (&to)[4], const float (&p)[2][4])
    {
#pragma unroll
        for (int e = 0; e < 4; e++)
            to[e] = pack_pair<T>(p[e / 2][e % 2 * 2], p[e / 2][e % 2 * 2 + 1]);
    }

    // One stream of work without a branch: the last step's shares times their values, shares of the scores by the old maximum, the next
    // step's products. None depends on another, so that tensor cores and exponentials run side by side. A share that is larger than 1 costs
    // nothing, since shares are divided by their total. Returns whether all fit the storage type; if not, they are worth nothing.
    DEVICE_MEMBER bool stream(const Place<T>& values, const Place<T>& keys, float factor)
    {
        // A chunk's fragments: those of values first; or, where one tile's sums would wait for each other, in turns with those of keys.
        constexpr bool InTurns = Tiles == 1 && Chunks == 1 && F::width < 512;
        constexpr int Pairs = InTurns ? (ValueLoads < KeyLoads ? ValueLoads : KeyLoads) : 0, First = InTurns ? 0 : ValueLoads;
        const auto of_values = [](int k) { return k < 2 * Pairs ? k % 2 == 0 : k < ValueLoads + Pairs; };
        const auto number = [&](int k) { return k < 2 * Pairs ? k / 2 : k - Pairs - (of_values(k) ? 0 : First); };
        float part[Tiles][2];
        unsigned fresh[Tiles][4];
        const auto load = [&](unsigned(&f)[4], int n) {
            if (of_values(n % Loads))
                load_values(f, values, n / Loads, number(n % Loads));
            else
                load_keys(f, keys, n / Loads, number(n % Loads));
        };
        const auto take = [&](const unsigned(&f)[4], int n) {
            const int c = n / Loads, k = n % Loads;
            if (k == First) {
#pragma unroll
                for (int i = 0; i < Tiles; i++) {
                    float p[2][4];
#pragma unroll
                    for (int e = 0; e < 8; e++) {
                        float& own = p[e / 4][e % 4];
                        own = exp2_approx(fmaf(score[i][c][e / 4][e % 4], factor, -largest[i][e / 2 % 2]));
                        float& all = part[i][e / 2 % 2];
                        all = c == 0 && e / 4 == 0 && e % 2 == 0 ? own : all + own;
                    }
                    pack(fresh[i], p);
                }
            }
            if (of_values(k))
                add_values(f, c, number(k));
            else
                score_keys(f, c, number(k));
            if (k < Loads - 1) return;
#pragma unroll
            for (int i = 0; i < Tiles; i++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    share[i][c][e] = fresh[i][e];
        };
        take_fragments<Chunks * Loads, Ahead>(load, take);
        float most = 0;
#pragma unroll
        for (int i = 0; i < Tiles; i++)
            most = fmaxf(most, fmaxf(part[i][0], part[i][1]));
        if (__any_sync(0xffffffffu, most > MostShares)) return false;
#pragma unroll
        for (int i = 0; i < Tiles; i++) {
            total[i][0] += part[i][0];
            total[i][1] += part[i][1];
        }
        return true;
    }

    // Shares of the scores, of keys from key0 on, by a new maximum, with all tests: causal, bias and the end of the keys.
    DEVICE_MEMBER void renew(const Attention<T>& a, int b, int head, int row0, int key0, float factor)
    {
        key0 += threadIdx.x % 4 * 2;
#pragma unroll
        for (int i = 0; i < Tiles; i++) {
#pragma unroll
            for (int r = 0; r < 2; r++) {
                const int row = row0 + i * 16 + r * 8, end = a.causal && row + 1 < a.keys ? row + 1 : a.keys;
                const auto at = [&](int n) -> float& { return score[i][n / 4][n / 2 % 2][2 * r + n % 2]; };
                const auto key = [&](int n) { return key0 + n / 2 * 8 + n % 2; };
#pragma unroll
                for (int n = 0; n < 4 * Chunks; n++)
                    at(n) *= factor;
                if (a.bias != nullptr) {
                    const RowBias<T> bias(a, b, head, row < a.queries ? row : a.queries - 1);
                    const float gate = Log2e * bias.gate;
#pragma unroll
                    for (int n = 0; n < 4 * Chunks; n++)
                        at(n) += key(n) < end ? gate * to_float(bias.bias[key(n)]) : 0.0f;
                }
                float larger = largest[i][r];
#pragma unroll
                for (int n = 0; n < 4 * Chunks; n++) {
                    if (key(n) >= end) at(n) = Unseen;
                    larger = fmaxf(larger, at(n));
                }
                larger = fmaxf(larger, __shfl_xor_sync(0xffffffffu, larger, 1)); // four lanes share a row
                larger = fmaxf(larger, __shfl_xor_sync(0xffffffffu, larger, 2));
                const float fade = exp2_approx(largest[i][r] - larger);
                largest[i][r] = larger;
                total[i][r] *= fade;
#pragma unroll
                for (int n = 0; n < 4 * Chunks; n++) {
                    at(n) = exp2_approx(at(n) - larger);
                    total[i][r] += at(n);
                }
#pragma unroll
                for (int t = 0; t < Values; t++) {
                    sum[i][t][2 * r] *= fade;
                    sum[i][t][2 * r + 1] *= fade;
                }
            }
#pragma unroll
            for (int c = 0; c < Chunks; c++)
                pack(share[i][c], score[i][c]);
        }
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
    Loader<T, F::width, F::stride, F::stage, F::threads> keys(a.k + own_key, key_rows, pitch, a.keys, a.width);
    Loader<T, F::columns, F::value_stride, F::stage, F::threads> values(a.v + own_key + column0, value_rows, pitch, a.keys,
                                                                        a.width - column0);
    keys.load();
    cp_async_commit();
    keys.load();
    values.load();
    cp_async_commit();
    keys.load();
    values.load();
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
            for (int s = 0; s < W::KeyLoads; s++) {
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

    // This lane's places in the rows of the first slot.
    const T* own_keys = key_rows + key_warp * F::step * F::stride;
    const T* own_values = value_rows + (key_warp * F::step + lane % 16) * F::value_stride;
    const Place<T> key_place = {own_keys + (lane % 8 + lane / 16 * 8) * F::stride + lane / 8 % 2 * 8, own_keys + lane % 16 * F::stride};
    const Place<T> value_place = {own_values + lane / 16 * 8, own_values};
    constexpr int KeySlot = StepRows * F::stride, ValueSlot = StepRows * F::value_stride;

    const float factor = a.scale * Log2e;
    const int seen = a.causal && (int)(blockIdx.x + 1) * F::rows < a.keys ? (blockIdx.x + 1) * F::rows : a.keys;
    const int steps = (seen + StepRows - 1) / StepRows;
    // Of steps whose keys all rows of the warp see: those before it.
    const int whole = a.bias != nullptr ? 0 : a.causal && warp0 + 1 < a.keys ? warp0 + 1 : a.keys;

    cp_async_wait<2>();
    __syncthreads();
    w.products(key_place);
    int slot = 0, before = Slots - 1;
    for (int step = 0; step < steps; step++) {
        const int after = slot + 1 == Slots ? 0 : slot + 1, key0 = (step * F::key_warps + key_warp) * F::step;
        if (step == 0) {
            cp_async_wait<1>();
            __syncthreads();
        } else if (step % F::turns == 0) {
            cp_async_wait<0>();
            __syncthreads(); // the next stage's keys and this one's values have come, and everyone is done with those before
            keys.load();
            values.load();
            cp_async_commit();
        }

        // As a rule a step is one stream. It is renewed at first, at the ends, with a bias, and when a score is far beyond the old maximum.
        const bool plain = step > 0 && key0 + F::step <= whole;
        if (!plain || !w.stream(value_place + before * ValueSlot, key_place + after * KeySlot, factor)) {
            if (plain)
                w.products(key_place + slot * KeySlot);
            else if (step > 0)
                w.weigh(value_place + before * ValueSlot);
            w.renew(a, b, head, row0, key0, factor);
            w.products(key_place + after * KeySlot);
        }
        before = slot;
        slot = after;
    }
    w.weigh(value_place + before * ValueSlot);
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
