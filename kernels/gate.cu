// gate.cu: GEGLU of a product's sums, and its gradient.
//   y[r, c] = s[r, c] gelu(s[r, N + c]);  ds[r, c] = dy[r, c] gelu(s[r, N + c]),  ds[r, N + c] = dy[r, c] s[r, c] gelu'(s[r, N + c])
// Source    Shazeer 2020.
// Shapes    s, ds [rows, 2 N]; y, dy [rows, N]; count = rows N.
// Launch    one-dimensional, any grid and block: threads stride over y.
// Cost      one read of each operand and one write of each result; bound by memory.
#include "common/dtype.cuh"
#include "common/slope.cuh"

template <typename T> DEVICE void gate(T* y, const T* sums, size_t count, int columns)
{
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads) {
        const size_t at = i / columns * 2 * columns + i % columns;
        y[i] = from_float<T>(to_float(sums[at]) * gelu(to_float(sums[at + columns])));
    }
}

template <typename T> DEVICE void gate_gradient(T* dsums, const T* sums, const T* dy, size_t count, int columns)
{
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads) {
        const size_t at = i / columns * 2 * columns + i % columns;
        const float value = to_float(sums[at]), x = to_float(sums[at + columns]), up = to_float(dy[i]);
        dsums[at] = from_float<T>(up * gelu(x));
        dsums[at + columns] = from_float<T>(up * value * gelu_slope(x));
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL gate_##suffix(T* y, const T* sums, size_t count, int columns)                                                                   \
    {                                                                                                                                      \
        gate(y, sums, count, columns);                                                                                                     \
    }                                                                                                                                      \
    EXPORT(gate_##suffix)                                                                                                                  \
    KERNEL gate_gradient_##suffix(T* dsums, const T* sums, const T* dy, size_t count, int columns)                                         \
    {                                                                                                                                      \
        gate_gradient(dsums, sums, dy, count, columns);                                                                                    \
    }                                                                                                                                      \
    EXPORT(gate_gradient_##suffix)
FOR_EACH_FLOAT(INSTANCE)
