// cast.cu: carries a tensor from fp32 to the storage type of the products, and back.
//   y[i] = x[i], rounded to nearest where y is narrower
// Shapes    x, y [count].
// Launch    one-dimensional, any grid and block: threads stride.
// Cost      one read and one write; bound by memory.
#include "common/dtype.cuh"

template <typename To, typename From> DEVICE void cast(To* y, const From* x, size_t count)
{
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads)
        y[i] = from_float<To>(to_float(x[i]));
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL cast_f32_to_##suffix(T* y, const float* x, size_t count)                                                                        \
    {                                                                                                                                      \
        cast(y, x, count);                                                                                                                 \
    }                                                                                                                                      \
    EXPORT(cast_f32_to_##suffix)                                                                                                           \
    KERNEL cast_##suffix##_to_f32(float* y, const T* x, size_t count)                                                                      \
    {                                                                                                                                      \
        cast(y, x, count);                                                                                                                 \
    }                                                                                                                                      \
    EXPORT(cast_##suffix##_to_f32)
FOR_EACH_HALF(INSTANCE)
