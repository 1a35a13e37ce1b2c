// layer_norm.cu: normalises each row, scales and shifts each channel.
//   y[r, c] = (x[r, c] - mean[r]) * rstd[r] * gamma[c] + beta[c]
// Source    Ba et al. 2016.
// Shapes    x, y [rows, C]; gamma, beta [C] in fp32.
// Launch    a warp a row: grid ceil(rows / (block / 32)), block a multiple of 32, at most 256. The forms _2, _3, _5 and _10 hold a row in
//           registers, so many packs of 16 bytes a lane: C is a multiple of a pack and at most 32 times as many, addresses are multiples of
//           16. The form without a number takes any C and any address.
// Cost      one read of x, one write of y; bound by memory. The form without a number reads x three times.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

struct LayerNorm {
    int rows, channels;
    float eps;
};

// The row of this thread's warp, or none: -1.
DEVICE int own_row(const LayerNorm& n)
{
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    return row < n.rows ? row : -1;
}

template <typename T> DEVICE void layer_norm(T* y, const T* x, const float* gamma, const float* beta, const LayerNorm& n)
{
    const int row = own_row(n), lane = threadIdx.x % 32;
    if (row < 0) return;
    x += (size_t)row * n.channels;
    y += (size_t)row * n.channels;

    float sum = 0.0f;
    for (int c = lane; c < n.channels; c += 32)
        sum += to_float(x[c]);
    const float mean = warp_sum(sum) / n.channels;

    // A second pass rather than E[x^2] - mean^2, which cancels where |mean| is large beside the deviation.
    // The deviations' own mean is what rounding took from the first one.
    float squares = 0.0f, drift = 0.0f;
    for (int c = lane; c < n.channels; c += 32) {
        const float d = to_float(x[c]) - mean;
        squares += d * d;
        drift += d;
    }
    const float rest = warp_sum(drift) / n.channels;
    const float rstd = rsqrtf(warp_sum(squares) / n.channels - rest * rest + n.eps);
    for (int c = lane; c < n.channels; c += 32)
        y[c] = from_float<T>((to_float(x[c]) - mean - rest) * rstd * gamma[c] + beta[c]);
}

// As above with the row in registers, Packs a lane; its factors and offsets come beside it.
template <typename T, int Packs> DEVICE void layer_norm_kept(T* y, const T* x, const float* gamma, const float* beta, const LayerNorm& n)
{
    constexpr int Width = Pack<T>::count;
    const int row = own_row(n), lane = threadIdx.x % 32;
    if (row < 0) return;
    x += (size_t)row * n.channels;
    y += (size_t)row * n.channels;

    Pack<T> kept[Packs];
    Pack<float> scale[Packs][Width / 4], offset[Packs][Width / 4];
#pragma unroll
    for (int i = 0; i < Packs; i++) {
        const int c = (i * 32 + lane) * Width;
        if (c >= n.channels) break;
        kept[i] = load_pack(x + c);
#pragma unroll
        for (int j = 0; j < Width / 4; j++) {
            scale[i][j] = load_pack(gamma + c + j * 4);
            offset[i][j] = load_pack(beta + c + j * 4);
        }
    }
    const float share = 1.0f / n.channels;
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < Packs; i++) {
        if ((i * 32 + lane) * Width >= n.channels) break;
        float own = 0.0f; // short chains of sums, beside each other
#pragma unroll
        for (int j = 0; j < Width; j++)
            own += to_float(kept[i].v[j]);
        sum += own;
    }
    const float mean = warp_sum(sum) * share;
    float squares = 0.0f, drift = 0.0f;
#pragma unroll
    for (int i = 0; i < Packs; i++) {
        if ((i * 32 + lane) * Width >= n.channels) break;
        float own_squares = 0.0f, own_drift = 0.0f;
#pragma unroll
        for (int j = 0; j < Width; j++) {
            const float d = to_float(kept[i].v[j]) - mean;
            own_squares += d * d;
            own_drift += d;
        }
        squares += own_squares;
        drift += own_drift;
    }
    const float rest = warp_sum(drift) * share;
    const float rstd = rsqrtf(warp_sum(squares) * share - rest * rest + n.eps);
#pragma unroll
    for (int i = 0; i < Packs; i++) {
        const int c = (i * 32 + lane) * Width;
        if (c >= n.channels) break;
#pragma unroll
        for (int j = 0; j < Width; j++)
            kept[i].v[j] =
                from_float<T>((to_float(kept[i].v[j]) - mean - rest) * rstd * scale[i][j / 4].v[j % 4] + offset[i][j / 4].v[j % 4]);
        store_pack(y + c, kept[i]);
    }
}

#define FORM(name, call, T)                                                                                                                \
    KERNEL THREADS(256) name(T* y, const T* x, const float* gamma, const float* beta, LayerNorm n)                                         \
    {                                                                                                                                      \
        call(y, x, gamma, beta, n);                                                                                                        \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    FORM(layer_norm_##suffix, layer_norm, T)                                                                                               \
    FORM(layer_norm_##suffix##_2, (layer_norm_kept<T, 2>), T)                                                                              \
    FORM(layer_norm_##suffix##_3, (layer_norm_kept<T, 3>), T)                                                                              \
    FORM(layer_norm_##suffix##_5, (layer_norm_kept<T, 5>), T)                                                                              \
    FORM(layer_norm_##suffix##_10, (layer_norm_kept<T, 10>), T)
FOR_EACH_FLOAT(INSTANCE)
