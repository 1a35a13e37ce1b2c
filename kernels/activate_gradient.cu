// activate_gradient.cu: gradient of activate.cu.
//   dx[i] = dy[i] act'(x[i])
// Shapes    x, dy, dx [count]; dx may be one of the others.
// Launch    one-dimensional, any grid and block: threads stride.
// Cost      one read of x and dy and one write; bound by memory.
#include "common/dtype.cuh"
#include "common/slope.cuh"

template <typename T> DEVICE void activate_gradient(T* dx, const T* x, const T* dy, size_t count, int activation)
{
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads)
        dx[i] = from_float<T>(to_float(dy[i]) * slope(to_float(x[i]), activation));
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL activate_gradient_##suffix(T* dx, const T* x, const T* dy, size_t count, int activation)                                        \
    {                                                                                                                                      \
        activate_gradient(dx, x, dy, count, activation);                                                                                   \
    }                                                                                                                                      \
    EXPORT(activate_gradient_##suffix)
FOR_EACH_FLOAT(INSTANCE)
