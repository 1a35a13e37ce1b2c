// file_order.cu: lays a weight's gradient out as the weight lies in its file.
//   y[g N + n, c, t] = x[g, t C + c, n]
// Shapes    x [groups, taps * C, N], y [groups * N, C, taps].
// Launch    one-dimensional, any grid and block: threads stride over y.
// Cost      one read and one write; bound by memory.
#include "common/dtype.cuh"

template <typename T> DEVICE void file_order(T* y, const T* x, size_t count, int taps, int c_count, int n_count)
{
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads) {
        const size_t t = i % taps, c = i / taps % c_count, row = i / taps / c_count, n = row % n_count, group = row / n_count;
        y[i] = x[((group * taps + t) * c_count + c) * n_count + n];
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL file_order_##suffix(T* y, const T* x, size_t count, int taps, int c_count, int n_count)                                         \
    {                                                                                                                                      \
        file_order(y, x, count, taps, c_count, n_count);                                                                                   \
    }                                                                                                                                      \
    EXPORT(file_order_##suffix)
FOR_EACH_FLOAT(INSTANCE)
