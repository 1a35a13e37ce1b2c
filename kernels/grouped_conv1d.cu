// grouped_conv1d.cu: one-dimensional convolution in groups of channels, of stride 1; BEATs' positional convolution.
//   y[b,t,n] = epilogue(sum_{k,c} x[b, t + k - padding, group(n) width + c] weight[n, k, c]), zero outside the sequence
// Source    Baevski et al. 2020 (wav2vec 2.0). A product a group, whose rows are windows.
// Shapes    x [B, L, C], weight [C, taps * width] in rows of `stride` elements (a multiple of 8, zero-filled), width = C / groups; y [B, L,
// C]. Launch    grid (ceil(B L / 64), ceil(width / 64), groups); half types: threads and dynamic shared memory of Warp64x64; f32: 256
// threads.
//           `_any` takes any width and address, `_64x64` wants a width that is a multiple of 8 and 16-byte addresses.
// Cost      2 B L C taps width operations.
#include "common/product.cuh"

// Row m is the window of position m, in the channels of one group.
template <typename T> struct Sequences {
    struct Row {
        const T* sample;
        int first; // position of the first tap
        bool inside;
    };
    const T* x; // at the group's first channel
    int rows, length, channels, width, padding;

    DEVICE_MEMBER Row row(int m) const { return {x + (size_t)(m / length) * length * channels, m % length - padding, m < rows}; }

    struct Place {
        int tap, c;
    };

    DEVICE_MEMBER Place place(int k) const { return {k / width, k % width}; }

    DEVICE_MEMBER void next(Place& place, int) const
    {
        for (place.c += TileDepth; place.c >= width; place.c -= width)
            place.tap++;
    }

    DEVICE_MEMBER void step(Place& place, int) const
    {
        if (++place.c < width) return;
        place.c = 0;
        place.tap++;
    }

    DEVICE_MEMBER Found<T> at(const Row& row, const Place& place) const
    {
        const int t = row.first + place.tap;
        return {row.sample + (long long)t * channels + place.c, row.inside && (unsigned)t < (unsigned)length};
    }
};

// What belongs to the block's group of the operands.
template <typename T> struct Group {
    Sequences<T> source;
    Columns<T> weight;
    Epilogue<T> epilogue;

    DEVICE_MEMBER Group(const T* x, const Columns<T>& all, const Epilogue<T>& whole, int length, int channels, int padding)
        : weight(all), epilogue(whole)
    {
        const int width = channels / gridDim.z, first = blockIdx.z * width;
        source = {x + first, whole.rows, length, channels, width, padding};
        weight.weight += (size_t)first * all.stride;
        epilogue.columns = width;
        epilogue.y += first;
        if (whole.bias != nullptr) epilogue.bias += first;
        if (whole.shift != nullptr) epilogue.shift += first;
        if (whole.residual != nullptr) epilogue.residual += first;
    }
};

template <typename T, typename Shape, int Width>
DEVICE void grouped_conv1d(const T* x, const Columns<T>& weight, const Epilogue<T>& epilogue, int length, int channels, int padding)
{
    DYNAMIC_SHARED(T, shared);
    const Group<T> own(x, weight, epilogue, length, channels, padding);
    half_product<T, Shape, Width>(shared, own.source, own.weight, own.epilogue, blockIdx.x * Shape::m, blockIdx.y * Shape::n);
}

KERNEL grouped_conv1d_f32(const float* x, const Columns<float> weight, const Epilogue<float> epilogue, int length, int channels,
                          int padding)
{
    const Group<float> own(x, weight, epilogue, length, channels, padding);
    float_product(own.source, own.weight, own.epilogue, blockIdx.x * FloatTile, blockIdx.y * FloatTile);
}
EXPORT(grouped_conv1d_f32)

#define TILE(name, T, Width)                                                                                                               \
    KERNEL THREADS(Warp64x64::threads)                                                                                                     \
        name(const T* x, const Columns<T> weight, const Epilogue<T> epilogue, int length, int channels, int padding)                       \
    {                                                                                                                                      \
        grouped_conv1d<T, Warp64x64, Width>(x, weight, epilogue, length, channels, padding);                                               \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    TILE(grouped_conv1d_##suffix##_any, T, 1)                                                                                              \
    TILE(grouped_conv1d_##suffix##_64x64, T, 8)
FOR_EACH_HALF(INSTANCE)
