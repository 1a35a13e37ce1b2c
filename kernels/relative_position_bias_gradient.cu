// relative_position_bias_gradient.cu: gradient of relative_position_bias.cu by its table.
//   y[k, h] = sum of dy[h, i, j] over all i, j with buckets[j - i + L - 1] = k
// Source    Raffel et al. 2020 (T5), as WavLM and BEATs use it.
// Shapes    dy [heads, L, L], buckets [2 L - 1], y [rows, heads] in fp32.
// Launch    grid (rows, heads), block a multiple of 32.
// Cost      one read of dy; bound by the launch.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

template <typename T> DEVICE void relative_position_bias_gradient(float* y, const int* buckets, const T* dy, int length)
{
    const int row = blockIdx.x, head = blockIdx.y;
    dy += (size_t)head * length * length;
    float sum = 0.0f;
    for (int d = 0; d < 2 * length - 1; d++) {
        if (buckets[d] != row) continue;
        const int shift = d - (length - 1), first = shift < 0 ? -shift : 0, last = shift < 0 ? length : length - shift;
        for (int i = first + threadIdx.x; i < last; i += blockDim.x)
            sum += to_float(dy[(size_t)i * length + i + shift]);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) y[row * gridDim.y + head] = sum;
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL relative_position_bias_gradient_##suffix(float* y, const int* buckets, const T* dy, int length)                                 \
    {                                                                                                                                      \
        relative_position_bias_gradient(y, buckets, dy, length);                                                                           \
    }                                                                                                                                      \
    EXPORT(relative_position_bias_gradient_##suffix)
FOR_EACH_FLOAT(INSTANCE)
