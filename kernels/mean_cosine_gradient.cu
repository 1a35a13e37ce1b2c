// mean_cosine_gradient.cu: gradients of mean_cosine.cu by both sequences.
//   With n(r) = r / |r|, of which the slope takes an upstream u to (u - n (n . u)) / |r|: dx[i] = dy[i] times the slope at x[i] of the mean
//   of n(y[j]); dy[j] is the slope at y[j] of pull = (1 / L) sum_i dy[i] n(x[i]). Norms below 1e-12 count as that, and as constant.
// Source    Schwartz et al. 2019 (factor graph attention).
// Shapes    rows [B, L, D], result likewise; directions [B, D]: what mean_direction of mean_cosine.cu gives of the other sequence;
//           factors [B, L] or null for ones; weighted inverse norms [B, L]. All but rows and results in fp32.
// Launch    weighted_inverse_norm and normalise_gradient: a warp a row, block a multiple of 32.
// Cost      two reads of each row; bound by memory, or by the launches.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

template <typename T> DEVICE float norm(const T* row, int width)
{
    float squares = 0.0f;
    for (int c = threadIdx.x % 32; c < width; c += 32) {
        const float v = to_float(row[c]);
        squares += v * v;
    }
    return fmaxf(sqrtf(warp_sum(squares)), 1e-12f);
}

template <typename T> DEVICE void weighted_inverse_norm(float* inverse, const T* x, const T* factors, int rows, int width)
{
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    const float own = norm(x + (size_t)row * width, width);
    if (threadIdx.x % 32 == 0) inverse[row] = to_float(factors[row]) / own;
}

template <typename T>
DEVICE void normalise_gradient(T* dx, const T* x, const float* directions, const T* factors, int rows, int length, int width)
{
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    x += (size_t)row * width;
    directions += (size_t)(row / length) * width;
    const float own = norm(x, width);
    float along = 0.0f;
    for (int c = lane; c < width; c += 32)
        along += to_float(x[c]) * directions[c];
    along = own > 1e-12f ? warp_sum(along) / own / own : 0.0f;
    const float factor = (factors == nullptr ? 1.0f : to_float(factors[row])) / own;
    for (int c = lane; c < width; c += 32)
        dx[(size_t)row * width + c] = from_float<T>((directions[c] - to_float(x[c]) * along) * factor);
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL weighted_inverse_norm_##suffix(float* inverse, const T* x, const T* factors, int rows, int width)                               \
    {                                                                                                                                      \
        weighted_inverse_norm(inverse, x, factors, rows, width);                                                                           \
    }                                                                                                                                      \
    EXPORT(weighted_inverse_norm_##suffix)                                                                                                 \
    KERNEL normalise_gradient_##suffix(T* dx, const T* x, const float* directions, const T* factors, int rows, int length, int width)      \
    {                                                                                                                                      \
        normalise_gradient(dx, x, directions, factors, rows, length, width);                                                               \
    }                                                                                                                                      \
    EXPORT(normalise_gradient_##suffix)
FOR_EACH_FLOAT(INSTANCE)
