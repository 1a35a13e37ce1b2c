// weighted_sum.cu: the arithmetic of samplers and guidance: a sum of up to eight tensors with a factor each.
//   y[i] = sum_t factor[t] * x[t][i], added in the order of the terms
// Shapes    x[t], y [count]; y may be one of x that has its type. The forms _f32_f16 and _f32_bf16 take terms of both types.
// Launch    one-dimensional, any grid and block: threads stride.
// Cost      one read a term and one write; bound by memory.
#include "common/dtype.cuh"

constexpr int MaxTerms = 8; // ResultShape.MaxParts

struct Terms {
    const void* x[MaxTerms];
    float factor[MaxTerms];
    int count;
    unsigned narrow; // bit t: term t is of the narrow type
};

// Adds `factor` times Width values.
template <typename T, int Width> DEVICE void add_values(float (&sum)[Width], const T* x, float factor)
{
    union {
        uint4 four;
        uint2 two;
        T v[Width];
    } u;
    static_assert(sizeof u.v == 16 || sizeof u.v == 8, "one access");
    if constexpr (sizeof u.v == 16)
        u.four = *reinterpret_cast<const uint4*>(x);
    else
        u.two = *reinterpret_cast<const uint2*>(x);
#pragma unroll
    for (int k = 0; k < Width; k++)
        sum[k] += factor * to_float(u.v[k]);
}

template <typename T> DEVICE bool is_aligned(const T* x, int width)
{
    return reinterpret_cast<size_t>(x) % (width * sizeof(T)) == 0;
}

// Of terms of two types, or of one: T.
template <typename T, typename Narrow> DEVICE void weighted_sum(T* y, const Terms& terms, size_t count)
{
    constexpr bool Mixed = !is_same<T, Narrow>;
    constexpr int Width = Pack<T>::count;
    const auto is_narrow = [&](int t) { return Mixed && (terms.narrow >> t & 1) != 0; };
    const auto wide = [&](int t) { return static_cast<const T*>(terms.x[t]); };
    const auto narrow = [&](int t) { return static_cast<const Narrow*>(terms.x[t]); };
    const size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x, threads = (size_t)gridDim.x * blockDim.x;
    bool packed = is_packed(y);
    for (int t = 0; t < terms.count; t++)
        packed = packed && (is_narrow(t) ? is_aligned(narrow(t), Width) : is_aligned(wide(t), Width));
    const size_t packs = packed ? count / Width : 0;
    for (size_t p = thread; p < packs; p += threads) {
        float sum[Width] = {};
        for (int t = 0; t < terms.count; t++) {
            if (is_narrow(t))
                add_values(sum, narrow(t) + p * Width, terms.factor[t]);
            else
                add_values(sum, wide(t) + p * Width, terms.factor[t]);
        }
        Pack<T> result;
#pragma unroll
        for (int k = 0; k < Width; k++)
            result.v[k] = from_float<T>(sum[k]);
        store_pack(y + p * Width, result);
    }
    for (size_t i = packs * Width + thread; i < count; i += threads) {
        float sum = 0.0f;
        for (int t = 0; t < terms.count; t++)
            sum += terms.factor[t] * (is_narrow(t) ? to_float(narrow(t)[i]) : to_float(wide(t)[i]));
        y[i] = from_float<T>(sum);
    }
}

#define FORM(name, T, Narrow)                                                                                                              \
    KERNEL name(T* y, const GRID_CONSTANT Terms terms, size_t count)                                                                       \
    {                                                                                                                                      \
        weighted_sum<T, Narrow>(y, terms, count);                                                                                          \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T) FORM(weighted_sum_##suffix, T, T)
FOR_EACH_FLOAT(INSTANCE)
FORM(weighted_sum_f32_f16, float, h16)
FORM(weighted_sum_f32_bf16, float, b16)
