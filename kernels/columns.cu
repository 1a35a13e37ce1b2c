// columns.cu: some columns of a matrix; the way back from concat.cu.
//   y[r, c] = x[r, start + c]
// Shapes    x [rows, width], y [rows, columns]; count = rows columns.
// Launch    one-dimensional, any grid and block: threads stride over y.
// Cost      one read and one write of y; bound by memory.
#include "common/dtype.cuh"

template <typename T> DEVICE void columns_of(T* y, const T* x, size_t count, int width, int start, int columns)
{
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads)
        y[i] = x[i / columns * width + start + i % columns];
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL columns_##suffix(T* y, const T* x, size_t count, int width, int start, int columns)                                             \
    {                                                                                                                                      \
        columns_of(y, x, count, width, start, columns);                                                                                    \
    }                                                                                                                                      \
    EXPORT(columns_##suffix)
FOR_EACH_FLOAT(INSTANCE)
