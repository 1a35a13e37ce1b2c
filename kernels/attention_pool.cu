// attention_pool.cu: pools a sequence by the softmax of its scores.
//   y[b] = sum_t p[b, t] values[b, t],  p = softmax(scores[b])
// Source    Schwartz et al. 2019 (factor graph attention).
// Shapes    values [B, L, D], scores [B, L, 1], y [B, D].
// Launch    grid (ceil(D / block), B), block a multiple of 32, dynamic shared memory L floats.
// Cost      one read of the values; each block takes the softmax anew, which is cheaper than a launch.
#include "common/shares.cuh"

template <typename T> DEVICE void attention_pool(T* y, const T* values, const T* scores, int length, int width)
{
    DYNAMIC_SHARED(float, share);
    const int b = blockIdx.y, c = blockIdx.x * blockDim.x + threadIdx.x;
    values += (size_t)b * length * width;
    scores += (size_t)b * length;

    const float total = softmax_shares(share, scores, length);
    if (c >= width) return;
    float sum = 0.0f;
    for (int t = 0; t < length; t++)
        sum += share[t] * to_float(values[(size_t)t * width + c]);
    y[(size_t)b * width + c] = from_float<T>(sum / total);
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL attention_pool_##suffix(T* y, const T* values, const T* scores, int length, int width)                                          \
    {                                                                                                                                      \
        attention_pool(y, values, scores, length, width);                                                                                  \
    }                                                                                                                                      \
    EXPORT(attention_pool_##suffix)
FOR_EACH_FLOAT(INSTANCE)
