// group_norm.cu: normalises each group of channels of each sample, scales and shifts each channel, and may apply SiLU.
//   y[b,i,c] = act((x[b,i,c] - mean[b,g]) * rstd[b,g] * gamma[c] + beta[c]),  g = c / (channels / groups),  act(v) = v or v * sigmoid(v)
// Source    Wu and He 2018, "Group Normalization"; partial statistics are joined as in Chan, Golub and LeVeque 1983.
// Shapes    x [B, HW, Cx], skip [B, HW, Cskip] or none: its channels follow those of x, a group may hold both; gamma, beta [C] in fp32;
//           y [B, HW, C], C = Cx + Cskip. Cx, Cskip and a bundle's channels are whole packs of 16 bytes, all addresses multiples of 16, and
//           a pack holds channels of at most two groups; group_norm_plain.cu takes the rest.
// Launch    a cluster of blocks takes a bundle of neighbouring groups of a sample, its blocks share the positions among them: grid
//           (groups / bundle * blocks of a cluster, B), parts * blocks of a cluster at most 32. A thread takes a pack of every rows-th
//           position: block at least rows * packs of a bundle. Dynamic shared memory as below.
// Cost      one read of x and one write of y where a thread has at most Kept packs, else a second read; bound by memory. Ladder and
//           figures: kernels/README.md.
#include "common/activation.cuh"
#include "common/dtype.cuh"
#include "common/reduce.cuh"

constexpr int Kept = 8; // packs that a thread holds between statistics and result

struct Group {
    int hw, x_channels, skip_channels;
    int share;  // positions of a block
    int width;  // channels of a group
    int bundle; // groups of a cluster
    int packs;  // of a bundle
    unsigned width_inverse, packs_inverse;
    int cluster_bits, row_bits, part_bits; // blocks of a cluster, rows and parts are powers of two
    int activation;
    float eps;
};

// n / d by d's inverse, 2^31 / d rounded up: exact while n * d is less than 2^31.
DEVICE int quotient(int n, unsigned inverse)
{
    return (int)((unsigned long long)(unsigned)n * inverse >> 31);
}

// Of some values: how many, the sum of their distances from a pivot, and the squares about their own mean.
struct Moments {
    float count, sum, squares;
};

DEVICE float mean_of(const Moments& m)
{
    return m.count > 0.0f ? __fdividef(m.sum, m.count) : 0.0f;
}

DEVICE void join(Moments& all, const Moments& more)
{
    const float count = all.count + more.count, apart = mean_of(more) - mean_of(all);
    if (count > 0.0f) all.squares += more.squares + apart * apart * __fdividef(all.count * more.count, count);
    all.sum += more.sum;
    all.count = count;
}

// Adds moments: counts and sums first, then the squares about the mean of all.
struct Joiner {
    bool about;
    float mean;
    Moments all;

    DEVICE_MEMBER void take(const Moments& m)
    {
        if (about) {
            const float apart = mean_of(m) - mean;
            all.squares += m.squares + m.count * apart * apart;
        } else {
            all.count += m.count;
            all.sum += m.sum;
        }
    }
};

// The moments of all that a warp's lanes have: each(joiner) gives it this lane's, twice.
template <typename Each> DEVICE Moments warp_moments(Each each)
{
    Joiner joiner = {false, 0.0f, {0.0f, 0.0f, 0.0f}};
    each(joiner);
    joiner.all.count = warp_sum(joiner.all.count);
    joiner.all.sum = warp_sum(joiner.all.sum);
    joiner.mean = mean_of(joiner.all);
    joiner.about = true;
    each(joiner);
    joiner.all.squares = warp_sum(joiner.all.squares);
    return joiner.all;
}

// x * sigmoid(x); half types do not show what the quick forms lose.
template <typename T> DEVICE float silu(float x)
{
    if constexpr (is_same<T, float>)
        return activated(x, Silu);
    else
        return __fdividef(x, 1.0f + __expf(-x));
}

template <typename T> struct Packs {
    Pack<T> v[Kept];
    int count = 0;

    DEVICE_MEMBER void load(const T* from, size_t step, int wanted)
    {
        count = min(Kept, wanted);
#pragma unroll
        for (int i = 0; i < Kept; i++)
            if (i < count) v[i] = load_pack(from + i * step);
    }

    template <typename F> DEVICE_MEMBER void each(F f)
    {
#pragma unroll
        for (int i = 0; i < Kept; i++) {
            if (i >= count) break;
            f(v[i], i);
        }
    }
};

template <typename T> DEVICE void group_norm(T* y, const T* x, const T* skip, const float* gamma, const float* beta, const Group& n)
{
    constexpr int Width = Pack<T>::count;
    DYNAMIC_SHARED(float, shared);
    const int channels = n.x_channels + n.skip_channels, width = n.width, rows = 1 << n.row_bits, parts = 1 << n.part_bits;
    const int packs = n.packs, entries = rows * packs;
    float* const factors = shared;                               // [bundle][width]
    float* const offsets = factors + n.bundle * width;           // as above
    float* const sums = offsets + n.bundle * width;              // [2][rows][packs]: of a thread, its pack's first and second group
    float* const squares = sums + 2 * entries;                   // as above
    float* const partial = squares + 2 * entries;                // [bundle][parts][3]: moments of a part of this block's rows
    float* const done = partial + (n.bundle << n.part_bits) * 3; // [bundle][2]: pivot, then mean; reciprocal deviation
    const int rank = (int)cluster_rank();

    const int row = quotient(threadIdx.x, n.packs_inverse), column = threadIdx.x - row * packs;
    const int first = (blockIdx.x >> n.cluster_bits) * n.bundle * width; // channel of the bundle
    const int c = first + column * Width;
    // The pack's first group, and the channels that are of it.
    const int low = quotient(column * Width, n.width_inverse), split = min(Width, (low + 1) * width - column * Width);
    const int begin = rank * n.share, length = max(0, min(n.share, n.hw - begin));
    const auto packs_of = [&](int r) { return r < length ? ((length - r - 1) >> n.row_bits) + 1 : 0; };
    const int own = row < rows ? packs_of(row) : 0;

    const size_t sample = (size_t)blockIdx.y * n.hw;
    const auto source = [&](size_t position, int c) {
        return c < n.x_channels ? x + position * n.x_channels + c : skip + position * n.skip_channels + (c - n.x_channels);
    };
    const T* const from = source(sample + begin + row, c);
    T* const to = y + (sample + begin + row) * channels + c;
    const size_t from_step = (size_t)(c < n.x_channels ? n.x_channels : n.skip_channels) << n.row_bits,
                 to_step = (size_t)channels << n.row_bits;
    // Sums are of distances from an element of the group, so that a mean that is large beside the deviation costs no digits.
    const auto pivot = [&](int group) { return to_float(*source(sample, first + group * width)); };
    for (int i = threadIdx.x * 4; i < n.bundle * width; i += blockDim.x * 4) {
        cp_async16(factors + i, gamma + first + i, true);
        cp_async16(offsets + i, beta + first + i, true);
    }
    cp_async_commit();

    Packs<T> kept;
    Moments of_low = {0.0f, 0.0f, 0.0f}, of_high = {0.0f, 0.0f, 0.0f};
    const float low_pivot = pivot(low), high_pivot = split < Width ? pivot(low + 1) : low_pivot;
    for (int at = 0; at < own; at += Kept) {
        kept.load(from + at * from_step, from_step, own - at);
        float sum[Width] = {}, square[Width] = {};
        kept.each([&](const Pack<T>& pack, int) {
#pragma unroll
            for (int i = 0; i < Width; i++)
                sum[i] += to_float(pack.v[i]) - (i < split ? low_pivot : high_pivot);
        });
        Moments a = {(float)(kept.count * split), 0.0f, 0.0f}, b = {(float)(kept.count * (Width - split)), 0.0f, 0.0f};
#pragma unroll
        for (int i = 0; i < Width; i++)
            (i < split ? a.sum : b.sum) += sum[i];
        const float low_mean = low_pivot + mean_of(a), high_mean = high_pivot + mean_of(b);
        kept.each([&](const Pack<T>& pack, int) {
#pragma unroll
            for (int i = 0; i < Width; i++) {
                const float apart = to_float(pack.v[i]) - (i < split ? low_mean : high_mean);
                square[i] += apart * apart;
            }
        });
#pragma unroll
        for (int i = 0; i < Width; i++)
            (i < split ? a.squares : b.squares) += square[i];
        join(of_low, a);
        join(of_high, b);
    }
    if (row < rows) {
        sums[threadIdx.x] = of_low.sum;
        sums[entries + threadIdx.x] = of_high.sum;
        squares[threadIdx.x] = of_low.squares;
        squares[entries + threadIdx.x] = of_high.squares;
        // Of the groups that begin in this pack.
        if (row == 0 && low * width == column * Width) done[low * 2] = low_pivot;
        if (row == 0 && split < Width) done[low * 2 + 2] = high_pivot;
    }
    cp_async_wait<0>();
    __syncthreads();

    // A warp joins a part of the rows of one group.
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    for (int item = warp; item < n.bundle << n.part_bits; item += warps) {
        const int group = item >> n.part_bits, part = item & (parts - 1), part_rows = rows >> n.part_bits;
        const Moments m = warp_moments([&](Joiner& joiner) {
            for (int k = group * width / Width; k * Width < (group + 1) * width; k++) {
                const bool is_first = k * Width >= group * width; // of its pack
                const int inside = min((k + 1) * Width, (group + 1) * width) - max(k * Width, group * width);
                for (int r = part * part_rows + lane; r < (part + 1) * part_rows; r += 32) {
                    const int at = r * packs + k + (is_first ? 0 : entries);
                    joiner.take({(float)(packs_of(r) * inside), sums[at], squares[at]});
                }
            }
        });
        if (lane == 0) {
            partial[item * 3] = m.count;
            partial[item * 3 + 1] = m.sum;
            partial[item * 3 + 2] = m.squares;
        }
    }
    cluster_arrive();
    cluster_wait();
    // And one the parts of all blocks.
    for (int group = warp; group < n.bundle; group += warps) {
        const int other = lane >> n.part_bits;
        const float* const mine = partial + ((group << n.part_bits) + (lane & (parts - 1))) * 3;
        Moments theirs = {0.0f, 0.0f, 0.0f};
        if (other >> n.cluster_bits == 0)
            theirs = {cluster_read(mine, other), cluster_read(mine + 1, other), cluster_read(mine + 2, other)};
        const Moments m = warp_moments([&](Joiner& joiner) { joiner.take(theirs); });
        if (lane == 0) {
            done[group * 2] += m.sum / m.count;
            done[group * 2 + 1] = rsqrtf(m.squares / m.count + n.eps);
        }
    }
    __syncthreads();
    cluster_arrive_relaxed(); // this block reads no other's memory any more

    float shift[Width], scale[Width], offset[Width];
#pragma unroll
    for (int i = 0; i < Width; i++) {
        const int group = i < split ? low : low + 1;
        shift[i] = done[group * 2];
        scale[i] = done[group * 2 + 1] * factors[column * Width + i];
        offset[i] = offsets[column * Width + i];
    }
    const auto write = [&](int at) {
        kept.each([&](Pack<T> pack, int k) {
#pragma unroll
            for (int i = 0; i < Width; i++) {
                const float v = (to_float(pack.v[i]) - shift[i]) * scale[i] + offset[i];
                pack.v[i] = from_float<T>(n.activation == Silu ? silu<T>(v) : v);
            }
            store_pack(to + (at + k) * to_step, pack);
        });
    };
    // The last packs are at hand; those before them are read again.
    const int last = (own - 1) / Kept * Kept;
    if (own > 0) write(last);
    for (int at = 0; at < last; at += Kept) {
        kept.load(from + at * from_step, from_step, Kept);
        write(at);
    }
    cluster_wait(); // the others have read this block's
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL THREADS(640) group_norm_##suffix(T* y, const T* x, const T* skip, const float* gamma, const float* beta, Group n)               \
    {                                                                                                                                      \
        group_norm(y, x, skip, gamma, beta, n);                                                                                            \
    }                                                                                                                                      \
    EXPORT(group_norm_##suffix)
FOR_EACH_FLOAT(INSTANCE)
