// layer_norm.cu: normalises each row, scales and shifts each channel.
//   y[r, c] = (x[r, c] - mean[r]) * rstd[r] * gamma[c] + beta[c]
// Source    Ba et al. 2016.
// Shapes    x, y [rows, C]; gamma, beta [C] in fp32.
// Launch    a warp a row: grid ceil(rows / (block / 32)), block a multiple of 32.
// Cost      one read of x from memory and two from the first cache, one write of y; bound by memory.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

template <typename T> DEVICE void layer_norm(T* y, const T* x, const float* gamma, const float* beta, int rows, int channels, float eps)
{
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    x += (size_t)row * channels;
    y += (size_t)row * channels;

    float sum = 0.0f;
    for (int c = lane; c < channels; c += 32)
        sum += to_float(x[c]);
    const float mean = warp_sum(sum) / channels;

    // A second pass rather than E[x^2] - mean^2, which cancels where |mean| is large beside the deviation.
    // The deviations' own mean is what rounding took from the first one.
    float squares = 0.0f, drift = 0.0f;
    for (int c = lane; c < channels; c += 32) {
        const float d = to_float(x[c]) - mean;
        squares += d * d;
        drift += d;
    }
    const float rest = warp_sum(drift) / channels;
    const float rstd = rsqrtf(warp_sum(squares) / channels - rest * rest + eps);
    for (int c = lane; c < channels; c += 32)
        y[c] = from_float<T>((to_float(x[c]) - mean - rest) * rstd * gamma[c] + beta[c]);
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL layer_norm_##suffix(T* y, const T* x, const float* gamma, const float* beta, int rows, int channels, float eps)                 \
    {                                                                                                                                      \
        layer_norm(y, x, gamma, beta, rows, channels, eps);                                                                                \
    }                                                                                                                                      \
    EXPORT(layer_norm_##suffix)
FOR_EACH_FLOAT(INSTANCE)
