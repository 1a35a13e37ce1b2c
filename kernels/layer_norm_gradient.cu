// layer_norm_gradient.cu: gradients of layer_norm.cu by its input, scale and shift.
//   dx = rstd (g dy - mean(g dy) - n mean(g dy n)),  dgamma = sum_r dy n,  dbeta = sum_r dy,  n = (x - mean) rstd
// Source    Ba et al. 2016.
// Shapes    x, dy, dx [rows, C]; gamma, dgamma, dbeta [C] and statistics [rows, 2] (mean, rstd) in fp32.
// Launch    layer_norm_gradient: a warp a row, grid ceil(rows / (block / 32)); layer_norm_totals, after it: grid ceil(C / 32), block a
// multiple
//           of 32 up to 1024.
// Cost      two reads of x and dy from memory, one write of dx; bound by memory.
#include "common/dtype.cuh"
#include "common/reduce.cuh"
#include "common/statistics.cuh"
#include "common/totals.cuh"

template <typename T>
DEVICE void layer_norm_gradient(T* dx, Statistics* kept, const T* x, const float* gamma, const T* dy, int rows, int channels, float eps)
{
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    const size_t start = (size_t)row * channels;
    const Statistics s = statistics(
        channels, lane, 32, eps, [&](int c) { return to_float(x[start + c]); }, [](float value) { return warp_sum(value); });
    float plain = 0.0f, along = 0.0f;
    for (int c = lane; c < channels; c += 32) {
        const float g = gamma[c] * to_float(dy[start + c]);
        plain += g;
        along += g * (to_float(x[start + c]) - s.mean) * s.rstd;
    }
    plain = warp_sum(plain) / channels;
    along = warp_sum(along) / channels;
    for (int c = lane; c < channels; c += 32) {
        const float n = (to_float(x[start + c]) - s.mean) * s.rstd;
        dx[start + c] = from_float<T>(s.rstd * (gamma[c] * to_float(dy[start + c]) - plain - n * along));
    }
    if (lane == 0) kept[row] = s;
}

template <typename T>
DEVICE void layer_norm_totals(float* dgamma, float* dbeta, const Statistics* kept, const T* x, const T* dy, int rows, int channels)
{
    const int c = blockIdx.x * 32 + threadIdx.x % 32;
    const Totals total = column_totals(rows, c < channels, [&](int row) {
        const size_t at = (size_t)row * channels + c;
        const float g = to_float(dy[at]);
        return Totals{g * (to_float(x[at]) - kept[row].mean) * kept[row].rstd, g};
    });
    if (threadIdx.x >= 32 || c >= channels) return;
    dgamma[c] = total.first;
    dbeta[c] = total.second;
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL layer_norm_gradient_##suffix(T* dx, Statistics* kept, const T* x, const float* gamma, const T* dy, int rows, int channels,      \
                                        float eps)                                                                                         \
    {                                                                                                                                      \
        layer_norm_gradient(dx, kept, x, gamma, dy, rows, channels, eps);                                                                  \
    }                                                                                                                                      \
    EXPORT(layer_norm_gradient_##suffix)                                                                                                   \
    KERNEL THREADS(1024)                                                                                                                   \
        layer_norm_totals_##suffix(float* dgamma, float* dbeta, const Statistics* kept, const T* x, const T* dy, int rows, int channels)   \
    {                                                                                                                                      \
        layer_norm_totals(dgamma, dbeta, kept, x, dy, rows, channels);                                                                     \
    }                                                                                                                                      \
    EXPORT(layer_norm_totals_##suffix)
FOR_EACH_FLOAT(INSTANCE)
