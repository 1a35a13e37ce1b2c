// group_norm_moments.cu: what group_norm.cu computes, where whoever made the input told its moments: normalises each group of channels of
// each sample, scales and shifts each channel, and may apply SiLU.
//   y[b,i,c] = act((x[b,i,c] - mean[b,g]) * rstd[b,g] * gamma[c] + beta[c]),  g = c / (channels / groups),  act(v) = v or v * sigmoid(v)
// Source    Wu and He 2018, "Group Normalization"; the moments of tiles are joined as in Chan, Golub and LeVeque 1983.
// Shapes    x [B, HW, Cx], skip [B, HW, Cskip] or none: its channels follow those of x, a group may hold both; the moments of either
//           [B, HW / tile, Cx or Cskip]: of a tile of rows, mean and squares about it (common/epilogue.cuh); gamma, beta [C] in fp32;
//           y [B, HW, C], C = Cx + Cskip. Cx, Cskip and a bundle's channels are whole packs of 16 bytes, all addresses multiples of 16.
// Launch    a block takes a share of the positions of a bundle of neighbouring groups of a sample: grid (groups / bundle, ceil(HW / share),
//           B), block a multiple of 32 from a bundle's packs to 256. Dynamic shared memory: 8 bytes for each of the
//           bundle's moments, channels and groups.
// Cost      one read of x and one write of y, bound by memory; each share's block reads the bundle's moments from the second cache. Ladder
//           and figures: kernels/README.md.
#include "common/normalise.cuh"
#include "common/reduce.cuh"

struct MomentsNorm {
    int hw, x_channels, skip_channels;
    int x_tile, skip_tile; // rows behind one of the moments
    int share;             // positions of a block
    int width;             // channels of a group
    int bundle;            // groups of a block
    int packs;             // of a bundle
    unsigned width_inverse, packs_inverse;
    int activation;
    float eps;
};

// The moments of a group's channels in one source: of `tiles` tiles of rows, `width` in rows of `stride`.
struct Part {
    const float2* first;
    int stride, tiles, width;

    // The sum of what `term` makes of each, by a warp.
    template <typename F> DEVICE_MEMBER float total(F term) const
    {
        const int tile_step = 32 / width, channel_step = 32 - tile_step * width;
        int tile = threadIdx.x % 32 / width, channel = threadIdx.x % 32 - tile * width;
        float sum = 0.0f;
#pragma unroll 4
        for (int i = threadIdx.x % 32; i < tiles * width; i += 32) {
            sum += term(first[tile * stride + channel]);
            tile += tile_step;
            channel += channel_step;
            if (channel >= width) {
                channel -= width;
                tile++;
            }
        }
        return warp_sum(sum);
    }

    // The moments of all, with `count` values behind each.
    DEVICE_MEMBER Moments moments(int count) const
    {
        // Means are told from the first one, so that where they are large beside the deviation they cost no digits.
        const float pivot = first[0].x, entries = (float)(tiles * width);
        const float mean = pivot + total([&](float2 own) { return own.x - pivot; }) * reciprocal(entries);
        const float squares = total([&](float2 own) { return own.y + count * (own.x - mean) * (own.x - mean); });
        return {entries * count, mean, squares};
    }
};

DEVICE Moments joined(const Moments& a, const Moments& b)
{
    const float count = a.count + b.count, apart = b.mean - a.mean, part = b.count * reciprocal(count);
    return {count, a.mean + apart * part, a.squares + b.squares + apart * apart * a.count * part};
}

template <typename T>
DEVICE void group_norm(T* y, const T* x, const T* skip, const float2* x_moments, const float2* skip_moments, const float* gamma,
                       const float* beta, const MomentsNorm& n)
{
    constexpr int Width = Pack<T>::count, Ahead = 4; // packs that are asked for before the first is used
    DYNAMIC_SHARED(float, factors);                  // [bundle][width]
    const int row = quotient(threadIdx.x, n.packs_inverse), column = threadIdx.x - row * n.packs,
              rows = quotient(blockDim.x, n.packs_inverse);
    const int bundle_channels = n.packs * Width, first = blockIdx.x * bundle_channels, c = first + column * Width, sample = blockIdx.z;
    // The bundle's channels of either source, and their moments.
    const int x_width = max(0, min(bundle_channels, n.x_channels - first)), skip_width = bundle_channels - x_width;
    const int x_tiles = n.hw / n.x_tile, skip_tiles = n.hw / n.skip_tile;
    float* const offsets = factors + bundle_channels; // as above
    float2* const x_part = reinterpret_cast<float2*>(offsets + bundle_channels);
    float2* const skip_part = x_part + x_tiles * x_width;
    float2* const done = skip_part + skip_tiles * skip_width; // of a group: mean and reciprocal deviation

    const bool is_skip = c >= n.x_channels, is_idle = row >= rows;
    const int own = is_skip ? c - n.x_channels : c, stride = is_skip ? n.skip_channels : n.x_channels; // the pack's channel in its source
    if (!is_idle) {
        const int tiles = is_skip ? skip_tiles : x_tiles, part_stride = is_skip ? skip_width : x_width;
        const float2* const from = (is_skip ? skip_moments : x_moments) + (size_t)sample * tiles * stride + own;
        float2* const to = is_skip ? skip_part + (column * Width - x_width) : x_part + column * Width;
        for (int t = row; t < tiles; t += rows) {
#pragma unroll
            for (int i = 0; i < Width; i += 2)
                cp_async16(to + t * part_stride + i, from + (size_t)t * stride + i, true);
        }
    }
    for (int i = threadIdx.x * 4; i < bundle_channels; i += blockDim.x * 4) {
        cp_async16(factors + i, gamma + first + i, true);
        cp_async16(offsets + i, beta + first + i, true);
    }
    cp_async_commit();

    const int begin = blockIdx.y * n.share + row, end = is_idle ? 0 : min(n.hw, (int)(blockIdx.y + 1) * n.share);
    const T* const from = (is_skip ? skip : x) + (size_t)sample * n.hw * stride + own;
    T* const to = y + (size_t)sample * n.hw * (n.x_channels + n.skip_channels) + c;
    Pack<T> pack[Ahead];
    const auto load = [&](int position) {
#pragma unroll
        for (int k = 0; k < Ahead; k++)
            if (position + k * rows < end) pack[k] = load_pack(from + (size_t)(position + k * rows) * stride);
    };
    load(begin);

    cp_async_wait<0>();
    __syncthreads();
    for (int group = threadIdx.x / 32; group < n.bundle; group += blockDim.x / 32) {
        const int start = group * n.width, x_own = max(0, min(n.width, x_width - start)), skip_own = n.width - x_own;
        const Part x_group = {x_part + start, x_width, x_tiles, x_own},
                   skip_group = {skip_part + max(0, start - x_width), skip_width, skip_tiles, skip_own};
        Moments m = x_own > 0 ? x_group.moments(n.x_tile) : skip_group.moments(n.skip_tile);
        if (x_own > 0 && skip_own > 0) m = joined(m, skip_group.moments(n.skip_tile));
        if (threadIdx.x % 32 == 0) done[group] = make_float2(m.mean, rsqrtf(m.squares * reciprocal(m.count) + n.eps));
    }
    __syncthreads();
    if (is_idle) return;

    Affine<T> affine;
#pragma unroll
    for (int i = 0; i < Width; i++) {
        const float2 group = done[quotient(column * Width + i, n.width_inverse)];
        affine.set(i, group.x, group.y * factors[column * Width + i], offsets[column * Width + i]);
    }
    for (int position = begin; position < end; position += Ahead * rows) {
        if (position != begin) load(position);
#pragma unroll
        for (int k = 0; k < Ahead; k++)
            if (position + k * rows < end)
                store_pack(to + (size_t)(position + k * rows) * (n.x_channels + n.skip_channels), affine.of(pack[k], n.activation == Silu));
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL THREADS(256) group_norm_moments_##suffix(T* y, const T* x, const T* skip, const float2* x_moments, const float2* skip_moments,  \
                                                    const float* gamma, const float* beta, MomentsNorm n)                                  \
    {                                                                                                                                      \
        group_norm(y, x, skip, x_moments, skip_moments, gamma, beta, n);                                                                   \
    }                                                                                                                                      \
    EXPORT(group_norm_moments_##suffix)
FOR_EACH_FLOAT(INSTANCE)
