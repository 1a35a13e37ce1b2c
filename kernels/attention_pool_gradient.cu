// attention_pool_gradient.cu: gradients of attention_pool.cu.
//   With p = softmax(scores[b]), u[t] = dy[b] . values[b, t]: dvalues[b, t] = p[t] dy[b], dscores[b, t] = p[t] (u[t] - sum p u)
// Source    Schwartz et al. 2019 (factor graph attention).
// Shapes    values, dvalues [B, L, D]; scores, dscores [B, L, 1]; dy [B, D].
// Launch    grid (B), block a multiple of 32, dynamic shared memory 2 L floats.
// Cost      one read of the values and one write; bound by memory, or by the launch.
#include "common/shares.cuh"

template <typename T>
DEVICE void attention_pool_gradient(T* dvalues, T* dscores, const T* values, const T* scores, const T* dy, int length, int width)
{
    DYNAMIC_SHARED(float, share);
    float* slope = share + length;
    const int b = blockIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    values += (size_t)b * length * width;
    dvalues += (size_t)b * length * width;
    scores += (size_t)b * length;
    dscores += (size_t)b * length;
    dy += (size_t)b * width;

    const float total = softmax_shares(share, scores, length);
    for (int t = warp; t < length; t += warps) {
        const float p = share[t] / total;
        float sum = 0.0f;
        for (int c = lane; c < width; c += 32) {
            const float up = to_float(dy[c]);
            sum += up * to_float(values[(size_t)t * width + c]);
            dvalues[(size_t)t * width + c] = from_float<T>(p * up);
        }
        sum = warp_sum(sum);
        if (lane == 0) slope[t] = sum;
    }
    __syncthreads();
    float pull = 0.0f;
    for (int t = threadIdx.x; t < length; t += blockDim.x)
        pull += share[t] / total * slope[t];
    pull = block_sum(pull);
    for (int t = threadIdx.x; t < length; t += blockDim.x)
        dscores[t] = from_float<T>(share[t] / total * (slope[t] - pull));
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL attention_pool_gradient_##suffix(T* dvalues, T* dscores, const T* values, const T* scores, const T* dy, int length, int width)  \
    {                                                                                                                                      \
        attention_pool_gradient(dvalues, dscores, values, scores, dy, length, width);                                                      \
    }                                                                                                                                      \
    EXPORT(attention_pool_gradient_##suffix)
FOR_EACH_FLOAT(INSTANCE)
