// multiply.cu: the product of two tensors, element by element.
//   y[i] = a[i] b[i]
// Shapes    a, b, y [count]; y may be one of the others.
// Launch    one-dimensional, any grid and block: threads stride.
// Cost      one read of each and one write; bound by memory.
#include "common/dtype.cuh"

template <typename T> DEVICE void multiply(T* y, const T* a, const T* b, size_t count)
{
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads)
        y[i] = from_float<T>(to_float(a[i]) * to_float(b[i]));
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL multiply_##suffix(T* y, const T* a, const T* b, size_t count)                                                                   \
    {                                                                                                                                      \
        multiply(y, a, b, count);                                                                                                          \
    }                                                                                                                                      \
    EXPORT(multiply_##suffix)
FOR_EACH_FLOAT(INSTANCE)
