// layer_norm.cu: normalises each row, scales and shifts each channel.
//   y[r, c] = (x[r, c] - mean[r]) * rstd[r] * gamma[c] + beta[c]
// Source    Ba et al. 2016.
// Shapes    x, y [rows, C]; gamma, beta [C] in fp32.
// Launch    some lanes a row: grid ceil(rows * lanes / block), block a multiple of 32, at most 256. The forms _8, _16 and _32, so many
//           lanes, hold five packs of 16 bytes a lane in registers, _wide ten in 32 lanes: C is a multiple of a pack and no more than they
//           hold, addresses are multiples of 16. The form without an ending takes any C and any address, with 32 lanes.
// Cost      one read of x, one write of y; bound by memory. The form without an ending reads x three times.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

struct LayerNorm {
    int rows, channels;
    float eps;
};

template <typename T> DEVICE void layer_norm(T* y, const T* x, const float* gamma, const float* beta, const LayerNorm& n)
{
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= n.rows) return;
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

// The total of neighbouring lanes, a power of two, in each of them.
template <int Lanes> DEVICE float lanes_sum(float value)
{
#pragma unroll
    for (int distance = Lanes / 2; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// As above with the row in registers, Packs a lane; its factors and offsets come beside it.
template <typename T, int Lanes, int Packs>
DEVICE void layer_norm_kept(T* y, const T* x, const float* gamma, const float* beta, const LayerNorm& n)
{
    constexpr int Width = Pack<T>::count;
    const int place = blockIdx.x * (blockDim.x / Lanes) + threadIdx.x / Lanes, lane = threadIdx.x % Lanes;
    const size_t row = min(place, n.rows - 1); // lanes beyond the last row go along: a warp adds together
    x += row * n.channels;
    y += row * n.channels;

    Pack<T> kept[Packs];
    Pack<float> factor[Packs][Width / 4], offset[Packs][Width / 4];
#pragma unroll
    for (int i = 0; i < Packs; i++) {
        const int c = (i * Lanes + lane) * Width;
        if (c >= n.channels) break;
        kept[i] = load_pack(x + c);
#pragma unroll
        for (int j = 0; j < Width / 4; j++) {
            factor[i][j] = load_pack(gamma + c + j * 4);
            offset[i][j] = load_pack(beta + c + j * 4);
        }
    }
    const float share = 1.0f / n.channels;
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < Packs; i++) {
        if ((i * Lanes + lane) * Width >= n.channels) break;
        float own = 0.0f; // short chains of sums, beside each other
#pragma unroll
        for (int j = 0; j < Width; j++)
            own += to_float(kept[i].v[j]);
        sum += own;
    }
    const float mean = lanes_sum<Lanes>(sum) * share;
    float squares = 0.0f, drift = 0.0f;
#pragma unroll
    for (int i = 0; i < Packs; i++) {
        if ((i * Lanes + lane) * Width >= n.channels) break;
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
    float rest = 0.0f; // what rounding took from the mean; halves do not show it
    if constexpr (is_same<T, float>) rest = lanes_sum<Lanes>(drift) * share;
    const float rstd = rsqrtf(lanes_sum<Lanes>(squares) * share - rest * rest + n.eps);
    if (place >= n.rows) return;
#pragma unroll
    for (int i = 0; i < Packs; i++) {
        const int c = (i * Lanes + lane) * Width;
        if (c >= n.channels) break;
#pragma unroll
        for (int j = 0; j < Width; j++) {
            const float v = to_float(kept[i].v[j]), normal = is_same<T, float> ? (v - mean - rest) * rstd : v * rstd - mean * rstd;
            kept[i].v[j] = from_float<T>(normal * factor[i][j / 4].v[j % 4] + offset[i][j / 4].v[j % 4]);
        }
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
    FORM(layer_norm_##suffix##_8, (layer_norm_kept<T, 8, 5>), T)                                                                           \
    FORM(layer_norm_##suffix##_16, (layer_norm_kept<T, 16, 5>), T)                                                                         \
    FORM(layer_norm_##suffix##_32, (layer_norm_kept<T, 32, 5>), T)                                                                         \
    FORM(layer_norm_##suffix##_wide, (layer_norm_kept<T, 32, 10>), T)
FOR_EACH_FLOAT(INSTANCE)
