// weighted_sum.cu: the arithmetic of samplers and guidance: a sum of up to eight tensors with a factor each.
//   y[i] = sum_t factor[t] * x[t][i], added in the order of the terms
// Shapes    x[t], y [count]; y may be one of x.
// Launch    one-dimensional, any grid and block: threads stride.
// Cost      one read a term and one write; bound by memory.
#include "common/dtype.cuh"

constexpr int MaxTerms = 8; // ResultShape.MaxParts

template <typename T> struct Terms {
    const T* x[MaxTerms];
    float factor[MaxTerms];
    int count;
};

template <typename T> DEVICE void weighted_sum(T* y, const Terms<T>& terms, size_t count)
{
    constexpr int width = Pack<T>::count;
    const size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x, threads = (size_t)gridDim.x * blockDim.x;
    bool packed = is_packed(y);
    for (int t = 0; t < terms.count; t++)
        packed = packed && is_packed(terms.x[t]);
    const size_t packs = packed ? count / width : 0;
    for (size_t p = thread; p < packs; p += threads) {
        float sum[width] = {};
        for (int t = 0; t < terms.count; t++) {
            const Pack<T> x = load_pack(terms.x[t] + p * width);
            for (int k = 0; k < width; k++)
                sum[k] += terms.factor[t] * to_float(x.v[k]);
        }
        Pack<T> result;
        for (int k = 0; k < width; k++)
            result.v[k] = from_float<T>(sum[k]);
        store_pack(y + p * width, result);
    }
    for (size_t i = packs * width + thread; i < count; i += threads) {
        float sum = 0.0f;
        for (int t = 0; t < terms.count; t++)
            sum += terms.factor[t] * to_float(terms.x[t][i]);
        y[i] = from_float<T>(sum);
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL weighted_sum_##suffix(T* y, const Terms<T> terms, size_t count)                                                                 \
    {                                                                                                                                      \
        weighted_sum(y, terms, count);                                                                                                     \
    }                                                                                                                                      \
    EXPORT(weighted_sum_##suffix)
FOR_EACH_FLOAT(INSTANCE)
