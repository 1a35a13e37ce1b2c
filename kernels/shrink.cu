// shrink.cu: sums the pixels that an enlargement by nearest neighbour made of one: its gradient.
//   y[b, i, j] = sum of x[b, p, q] over floor(p H / tall) = i, floor(q W / wide) = j
// Shapes    x [B, tall, wide, C], y [B, H, W, C].
// Launch    one-dimensional, any grid and block: threads stride over y.
// Cost      one read of x and one write of y; bound by memory.
#include "common/dtype.cuh"

// The first place of the large map whose source is the given one.
DEVICE int first_of(int source, int small, int large)
{
    return (int)(((long long)source * large + small - 1) / small);
}

template <typename T> DEVICE void shrink(T* y, const T* x, size_t count, int height, int width, int tall, int wide, int channels)
{
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads) {
        const int c = i % channels, column = i / channels % width, row = i / channels / width % height;
        const size_t b = i / channels / width / height;
        float sum = 0.0f;
        for (int p = first_of(row, height, tall); p < first_of(row + 1, height, tall); p++) {
            for (int q = first_of(column, width, wide); q < first_of(column + 1, width, wide); q++)
                sum += to_float(x[((b * tall + p) * wide + q) * channels + c]);
        }
        y[i] = from_float<T>(sum);
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL shrink_##suffix(T* y, const T* x, size_t count, int height, int width, int tall, int wide, int channels)                        \
    {                                                                                                                                      \
        shrink(y, x, count, height, width, tall, wide, channels);                                                                          \
    }                                                                                                                                      \
    EXPORT(shrink_##suffix)
FOR_EACH_FLOAT(INSTANCE)
