// spread.cu: sets the pixels of a map apart, with zeros between: the gradient of a convolution that steps over positions.
//   y[b, s i, s j] = x[b, i, j], zero elsewhere
// Source    Dumoulin and Visin 2016.
// Shapes    x [B, H, W, C], y [B, (H - 1) s + 1, (W - 1) s + 1, C].
// Launch    one-dimensional, any grid and block: threads stride over y.
// Cost      one read of x and one write of y; bound by memory.
#include "common/dtype.cuh"

template <typename T> DEVICE void spread(T* y, const T* x, size_t count, int height, int width, int channels, int stride)
{
    const int wide = (width - 1) * stride + 1, tall = (height - 1) * stride + 1;
    const size_t threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads) {
        const size_t c = i % channels, column = i / channels % wide, row = i / channels / wide % tall, b = i / channels / wide / tall;
        y[i] = column % stride == 0 && row % stride == 0 ? x[((b * height + row / stride) * width + column / stride) * channels + c]
                                                         : from_float<T>(0.0f);
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL spread_##suffix(T* y, const T* x, size_t count, int height, int width, int channels, int stride)                                \
    {                                                                                                                                      \
        spread(y, x, count, height, width, channels, stride);                                                                              \
    }                                                                                                                                      \
    EXPORT(spread_##suffix)
FOR_EACH_FLOAT(INSTANCE)
