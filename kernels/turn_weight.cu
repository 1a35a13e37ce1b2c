// turn_weight.cu: a weight as the gradient by its input multiplies with it; with one tap, the transposition of a matrix.
//   y[g C + c, (taps - 1 - t) N + n] = x[g N + n, t C + c], zero from taps N to the end of a row
// Source    The data gradient of a convolution is a convolution with the kernel turned round and its channels exchanged: Dumoulin and
//           Visin 2016.
// Shapes    x [groups * N, x_stride], y [groups * C, y_stride], y_stride at most taps N + 7.
// Launch    grid (ceil((N + 7) / 32), ceil(C / 32), groups * taps), 256 threads.
// Cost      one read and one write; bound by memory.
#include "common/dtype.cuh"

template <typename T> DEVICE void turn_weight(T* y, const T* x, int taps, int n_count, int c_count, int x_stride, int y_stride)
{
    __shared__ T tile[32][33];
    const int lane = threadIdx.x % 32, line = threadIdx.x / 32, lines = blockDim.x / 32;
    const int n0 = blockIdx.x * 32, c0 = blockIdx.y * 32, group = blockIdx.z / taps, tap = blockIdx.z % taps;
    for (int i = line; i < 32; i += lines) {
        const int n = n0 + i, c = c0 + lane;
        tile[i][lane] =
            n < n_count && c < c_count ? x[((size_t)group * n_count + n) * x_stride + (size_t)tap * c_count + c] : from_float<T>(0.0f);
    }
    __syncthreads();
    // Beyond the last n of the last tap in a row lies its padding, which the tile holds as zeros.
    const int place = (taps - 1 - tap) * n_count, end = tap == 0 ? y_stride - place : n_count;
    for (int i = line; i < 32; i += lines) {
        const int c = c0 + i, n = n0 + lane;
        if (c < c_count && n < end) y[((size_t)group * c_count + c) * y_stride + place + n] = tile[lane][i];
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL turn_weight_##suffix(T* y, const T* x, int taps, int n_count, int c_count, int x_stride, int y_stride)                          \
    {                                                                                                                                      \
        turn_weight(y, x, taps, n_count, c_count, x_stride, y_stride);                                                                     \
    }                                                                                                                                      \
    EXPORT(turn_weight_##suffix)
FOR_EACH_FLOAT(INSTANCE)
