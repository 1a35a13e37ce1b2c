// column_sums.cu: sums of each column over the rows of a sample: gradients of biases and of channel shifts.
//   y[s, c] = sum_r x[s, r, c]
// Shapes    x [samples, rows] in rows of `stride` elements, of which the first C are added; y [samples, C] in fp32.
// Launch    grid (ceil(C / 32), samples), block a multiple of 32 up to 1024.
// Cost      one read of x; bound by memory.
#include "common/dtype.cuh"
#include "common/totals.cuh"

template <typename T> DEVICE void column_sums(float* y, const T* x, int rows, int columns, int stride)
{
    const int c = blockIdx.x * 32 + threadIdx.x % 32;
    x += (size_t)blockIdx.y * rows * stride + c;
    const Totals total = column_totals(rows, c < columns, [&](int row) { return Totals{to_float(x[(size_t)row * stride]), 0.0f}; });
    if (threadIdx.x < 32 && c < columns) y[(size_t)blockIdx.y * columns + c] = total.first;
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL THREADS(1024) column_sums_##suffix(float* y, const T* x, int rows, int columns, int stride)                                     \
    {                                                                                                                                      \
        column_sums(y, x, rows, columns, stride);                                                                                          \
    }                                                                                                                                      \
    EXPORT(column_sums_##suffix)
FOR_EACH_FLOAT(INSTANCE)
