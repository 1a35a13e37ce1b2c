// mean_cosine.cu: how alike each row of x is to the rows of y, on average; FGA's interaction of two sequences.
//   s[i] = x[i] / |x[i]| . (1 / L) sum_j y[j] / |y[j]|, norms at least 1e-12
// Source    Schwartz et al. 2019 (factor graph attention). The mean over all pairs is taken as the product with the mean direction: L times
//           less work, the same sum.
// Shapes    x, y [B, L, D]; mean [B, D] and inverse [B, L] in fp32 are the steps between; s [B, L, 1].
// Launch    row_inverse_norm and mean_cosine: a warp a row, block a multiple of 32; mean_direction: grid (ceil(D / block), B).
// Cost      two reads of each source; bound by memory, or by the launches.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

DEVICE float inverse_norm(float squares)
{
    return 1.0f / fmaxf(sqrtf(squares), 1e-12f);
}

template <typename T> DEVICE void row_inverse_norm(float* inverse, const T* y, int rows, int width)
{
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    float squares = 0.0f;
    for (int c = lane; c < width; c += 32) {
        const float v = to_float(y[(size_t)row * width + c]);
        squares += v * v;
    }
    squares = warp_sum(squares);
    if (lane == 0) inverse[row] = inverse_norm(squares);
}

template <typename T> DEVICE void mean_direction(float* mean, const T* y, const float* inverse, int length, int width)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (c >= width) return;
    y += (size_t)b * length * width + c;
    inverse += (size_t)b * length;
    float sum = 0.0f;
    for (int j = 0; j < length; j++)
        sum += to_float(y[(size_t)j * width]) * inverse[j];
    mean[(size_t)b * width + c] = sum / length;
}

template <typename T> DEVICE void mean_cosine(T* s, const T* x, const float* mean, int rows, int length, int width)
{
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    mean += (size_t)(row / length) * width;
    float squares = 0.0f, product = 0.0f;
    for (int c = lane; c < width; c += 32) {
        const float v = to_float(x[(size_t)row * width + c]);
        squares += v * v;
        product += v * mean[c];
    }
    squares = warp_sum(squares);
    product = warp_sum(product);
    if (lane == 0) s[row] = from_float<T>(product * inverse_norm(squares));
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL row_inverse_norm_##suffix(float* inverse, const T* y, int rows, int width)                                                      \
    {                                                                                                                                      \
        row_inverse_norm(inverse, y, rows, width);                                                                                         \
    }                                                                                                                                      \
    EXPORT(row_inverse_norm_##suffix)                                                                                                      \
    KERNEL mean_direction_##suffix(float* mean, const T* y, const float* inverse, int length, int width)                                   \
    {                                                                                                                                      \
        mean_direction(mean, y, inverse, length, width);                                                                                   \
    }                                                                                                                                      \
    EXPORT(mean_direction_##suffix)                                                                                                        \
    KERNEL mean_cosine_##suffix(T* s, const T* x, const float* mean, int rows, int length, int width)                                      \
    {                                                                                                                                      \
        mean_cosine(s, x, mean, rows, length, width);                                                                                      \
    }                                                                                                                                      \
    EXPORT(mean_cosine_##suffix)
FOR_EACH_FLOAT(INSTANCE)
