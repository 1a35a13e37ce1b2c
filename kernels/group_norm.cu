// group_norm.cu: normalises each group of channels of each sample, scales and shifts each channel, and may apply SiLU.
//   y[b,i,c] = act((x[b,i,c] - mean[b,g]) * rstd[b,g] * gamma[c] + beta[c]),  g = c / (channels / groups),  act(v) = v or v * sigmoid(v)
// Source    Wu and He 2018, "Group Normalization"; partial statistics are joined as in Chan, Golub and LeVeque 1983.
// Shapes    x [B, HW, Cx], skip [B, HW, Cskip] or none: its channels follow those of x, a group may hold both; gamma, beta [C] in fp32;
//           y [B, HW, C], C = Cx + Cskip. Cx, Cskip and a bundle's channels are whole packs of 16 bytes, all addresses multiples of 16, and
//           a pack holds channels of at most two groups; group_norm_plain.cu takes the rest.
// Launch    a cluster of blocks takes a bundle of neighbouring groups of a sample, its blocks share the positions among them: grid
//           (groups / bundle * blocks of a cluster, B). A thread takes a pack of every rows-th position: block at least rows * packs of a
//           bundle. Dynamic shared memory as below.
// Cost      one read of x and one write of y where a thread has at most `kept` packs, else a second read; bound by memory. Ladder and
//           figures: kernels/README.md.
#include "common/normalise.cuh"
#include "common/reduce.cuh"

struct Group {
    int hw, x_channels, skip_channels;
    int share;  // positions of a block
    int width;  // channels of a group
    int bundle; // groups of a cluster
    int packs;  // of a bundle
    unsigned width_inverse, packs_inverse;
    int cluster_bits, row_bits; // blocks of a cluster and rows are powers of two
    int kept;                   // packs that a thread holds between statistics and result
    int activation;
    float eps;
};

// The moments of moments(i) for i < entries, by a warp, whose lanes take each 32nd from their own on.
template <typename F> DEVICE Moments warp_moments(int entries, float count, F moments)
{
    const int lane = threadIdx.x % 32;
    Moments own = {0.0f, 0.0f, 0.0f};
    if (lane < entries) own = moments(lane);
    // Means are told from the first one, so that where they are large beside the deviation they cost no digits.
    const float first = __shfl_sync(0xffffffffu, own.mean, 0);
    float sum = own.count * (own.mean - first);
#pragma unroll 1
    for (int i = lane + 32; i < entries; i += 32) {
        const Moments more = moments(i);
        sum += more.count * (more.mean - first);
    }
    const float mean = first + warp_sum(sum) * reciprocal(count);
    float squares = own.squares + own.count * (own.mean - mean) * (own.mean - mean);
#pragma unroll 1
    for (int i = lane + 32; i < entries; i += 32) {
        const Moments more = moments(i);
        squares += more.squares + more.count * (more.mean - mean) * (more.mean - mean);
    }
    return {count, mean, warp_sum(squares)};
}

template <typename T> DEVICE void group_norm(T* y, const T* x, const T* skip, const float* gamma, const float* beta, const Group& n)
{
    constexpr int Width = Pack<T>::count;
    DYNAMIC_SHARED(uint4, shared);
    const int channels = n.x_channels + n.skip_channels, width = n.width, rows = 1 << n.row_bits, packs = n.packs, entries = rows * packs;
    T* const kept = reinterpret_cast<T*>(shared + threadIdx.x);                    // [kept][block]: packs
    float* const factors = reinterpret_cast<float*>(shared + n.kept * blockDim.x); // [bundle][width]
    float* const offsets = factors + packs * Width;                                // as above
    float* const means = offsets + packs * Width; // [2][rows][packs]: of a thread, its pack's first and second group
    float* const squares = means + 2 * entries;   // as above
    float* const partial = squares + 2 * entries; // [2][packs][2]: mean and squares of all rows
    float* const done = partial + 4 * packs;      // [bundle][2]: mean and reciprocal deviation
    const int kept_step = blockDim.x * Width;

    const int row = quotient(threadIdx.x, n.packs_inverse), column = threadIdx.x - row * packs;
    const int first = (blockIdx.x >> n.cluster_bits) * packs * Width, c = first + column * Width; // channels of the bundle and the pack
    const auto group_of = [&](int column) { return quotient(column * Width, n.width_inverse); };  // of the pack's first channel
    const auto split_of = [&](int column, int group) { return min(Width, (group + 1) * width - column * Width); }; // its channels in it
    const int low = group_of(column), split = split_of(column, low);
    const auto length_of = [&](int rank) { return max(0, min(n.share, n.hw - rank * n.share)); };
    const int rank = (int)cluster_rank(), begin = rank * n.share, length = length_of(rank);
    const auto packs_of = [&](int r) { return r < length ? ((length - r - 1) >> n.row_bits) + 1 : 0; };
    const int own = row < rows ? packs_of(row) : 0;

    const bool is_skip = c >= n.x_channels;
    const int stride = is_skip ? n.skip_channels : n.x_channels;
    const size_t position = (size_t)blockIdx.y * n.hw + begin + row;
    const T* const from = (is_skip ? skip + (c - n.x_channels) : x + c) + position * stride;
    T* const to = y + position * channels + c;
    const size_t from_step = (size_t)stride << n.row_bits, to_step = (size_t)channels << n.row_bits;

    for (int i = threadIdx.x * 4; i < packs * Width; i += blockDim.x * 4) {
        cp_async16(factors + i, gamma + first + i, true);
        cp_async16(offsets + i, beta + first + i, true);
    }

    // A thread's packs from its at-th on, as many as it keeps.
    const auto load = [&](int at) {
        const int count = min(n.kept, own - at);
        for (int k = 0; k < count; k++)
            cp_async16(kept + k * kept_step, from + (at + k) * from_step, true);
        cp_async_commit();
        cp_async_wait<0>();
        return count;
    };

    // Squares of distances from an element of this thread's own, of which the squares about the mean are a fair part.
    float low_pivot = 0.0f, high_pivot = 0.0f, sum[Width] = {}, square[Width] = {};
    int last = 0; // the first of the packs that are kept
    for (int at = 0; at < own; at += n.kept) {
        last = at;
        const int count = load(at);
        if (at == 0) low_pivot = to_float(kept[0]), high_pivot = to_float(kept[Width - 1]);
        for (int k = 0; k < count; k++) {
            const Pack<T> pack = load_pack(kept + k * kept_step);
#pragma unroll
            for (int i = 0; i < Width; i++) {
                const float apart = to_float(pack.v[i]) - (i < split ? low_pivot : high_pivot);
                sum[i] += apart;
                square[i] += apart * apart;
            }
        }
    }
    if (row < rows) {
        float low_sum = 0.0f, high_sum = 0.0f, low_square = 0.0f, high_square = 0.0f;
#pragma unroll
        for (int i = 0; i < Width; i++) {
            (i < split ? low_sum : high_sum) += sum[i];
            (i < split ? low_square : high_square) += square[i];
        }
        const float low_apart = low_sum * reciprocal((float)(own * split)),
                    high_apart = high_sum * reciprocal((float)(own * (Width - split)));
        means[threadIdx.x] = low_pivot + low_apart;
        means[entries + threadIdx.x] = high_pivot + high_apart;
        squares[threadIdx.x] = low_square - low_sum * low_apart;
        squares[entries + threadIdx.x] = high_square - high_sum * high_apart;
    }
    cp_async_commit();
    cp_async_wait<0>(); // also of threads without a pack
    __syncthreads();

    // A warp joins the rows of a column, of either of its groups.
    const int warp = threadIdx.x / 32, warps = blockDim.x / 32;
    for (int item = warp; item < 2 * packs; item += warps) {
        const bool is_high = item >= packs;
        const int k = is_high ? item - packs : item, inside = split_of(k, group_of(k)), share = is_high ? Width - inside : inside;
        const Moments m = warp_moments(rows, (float)(length * share), [&](int r) {
            const int at = (is_high ? entries : 0) + r * packs + k;
            return Moments{(float)(packs_of(r) * share), means[at], squares[at]};
        });
        if (threadIdx.x % 32 == 0) partial[item * 2] = m.mean, partial[item * 2 + 1] = m.squares;
    }
    const bool is_alone = n.cluster_bits == 0; // a barrier of the block costs less than one of a cluster
    if (is_alone) {
        __syncthreads();
    } else {
        cluster_arrive();
        cluster_wait();
    }
    // And one a group's columns of all blocks.
    for (int group = warp; group < n.bundle; group += warps) {
        const int left = group * width / Width, columns = ((group + 1) * width - 1) / Width - left + 1;
        const Moments m = warp_moments(columns << n.cluster_bits, (float)(n.hw * width), [&](int i) {
            const int k = left + (i >> n.cluster_bits), other = i & ((1 << n.cluster_bits) - 1);
            const int start = max(k * Width, group * width), end = min((k + 1) * Width, (group + 1) * width);
            const float* const mine = partial + (k * Width < start ? packs + k : k) * 2;
            const float mean = is_alone ? mine[0] : cluster_read(mine, other), square = is_alone ? mine[1] : cluster_read(mine + 1, other);
            return Moments{(float)(length_of(other) * (end - start)), mean, square};
        });
        if (threadIdx.x % 32 == 0) {
            done[group * 2] = m.mean;
            done[group * 2 + 1] = rsqrtf(m.squares * reciprocal(m.count) + n.eps);
        }
    }
    __syncthreads();
    if (!is_alone) cluster_arrive_relaxed(); // this block reads no other's memory any more

    Affine<T> affine;
    const float low_mean = done[low * 2], low_rstd = done[low * 2 + 1];
    const float high_mean = split < Width ? done[low * 2 + 2] : low_mean, high_rstd = split < Width ? done[low * 2 + 3] : low_rstd;
#pragma unroll
    for (int i = 0; i < Width; i++)
        affine.set(i, i < split ? low_mean : high_mean, (i < split ? low_rstd : high_rstd) * factors[column * Width + i],
                   offsets[column * Width + i]);
    const bool silu = n.activation == Silu;
    const auto write = [&](int at, int count) {
        for (int k = 0; k < count; k++)
            store_pack(to + (at + k) * to_step, affine.of(load_pack(kept + k * kept_step), silu));
    };
    // The last packs are at hand; those before them are read again.
    for (int at = last, next = 0, count = own - last;; next += n.kept) {
        write(at, count);
        if (next >= last) break;
        at = next;
        count = load(at);
    }
    if (!is_alone) cluster_wait(); // the others have read this block's
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL THREADS(640) group_norm_##suffix(T* y, const T* x, const T* skip, const float* gamma, const float* beta, Group n)               \
    {                                                                                                                                      \
        group_norm(y, x, skip, gamma, beta, n);                                                                                            \
    }                                                                                                                                      \
    EXPORT(group_norm_##suffix)
FOR_EACH_FLOAT(INSTANCE)
