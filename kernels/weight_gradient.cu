// weight_gradient.cu: the gradient of a product by its weight: of a matrix product, a convolution, or a convolution in groups.
//   y[g, t C + c, n] = sum_m window(m)[t, g C + c] dy[m, g N + n]
// Source    Chetlur et al. 2014 (cuDNN): an implicit product, whose rows are here the elements of all windows.
// Shapes    x [B, H, W, Cx], skip [B, H, W, Cskip] or none; dy turned round (turn_weight.cu): [groups * N, positions] in rows of `stride`
//           elements (a multiple of 8, zero-filled); y [groups, taps * C, N]. A matrix [M, K] is a map of M samples and one pixel.
// Launch    grid (ceil(taps C / 64), ceil(N / 64), groups); half types: threads and dynamic shared memory of Warp64x64; f32: 256 threads.
// Cost      2 positions groups taps C N operations; all positions are added in one block, in their order.
#include "common/product.cuh"
#include "common/window.cuh"

// Row m is element m of the windows, over all output positions.
template <typename T> struct WindowElements {
    struct Row {
        int y, x;    // of the tap
        int channel; // -1 beyond the last
    };
    const T* x;
    const T* skip;
    ConvGeometry g;
    int rows, first, channels; // of the group

    DEVICE_MEMBER Row row(int m) const
    {
        const int tap = m / channels;
        return {tap / g.kernel_width, tap % g.kernel_width, m < rows ? first + m % channels : -1};
    }

    using Place = int;
    DEVICE_MEMBER Place place(int k) const { return k; }
    DEVICE_MEMBER void next(Place& place, int) const { place += TileDepth; }
    DEVICE_MEMBER void step(Place& place, int) const { place++; }
    DEVICE_MEMBER Found<T> at(const Row& row, Place k) const
    {
        if (row.channel < 0) return {nullptr, false};
        const int positions = g.out_height * g.out_width, position = k % positions;
        const T* element = window_element(g, x, skip, k / positions, position / g.out_width * g.stride - g.top + row.y,
                                          position % g.out_width * g.stride - g.left + row.x, row.channel);
        return {element, element != nullptr};
    }
};

// What belongs to the block's group of the operands.
template <typename T> struct ProductGroup {
    WindowElements<T> source;
    Columns<T> dy;
    Epilogue<T> epilogue;

    DEVICE_MEMBER ProductGroup(const T* x, const T* skip, const ConvGeometry& geometry, const Columns<T>& all, const Epilogue<T>& whole)
        : dy(all), epilogue(whole)
    {
        const int channels = (geometry.x_channels + geometry.skip_channels) / gridDim.z;
        source = {x, skip, geometry, whole.rows, (int)blockIdx.z * channels, channels};
        dy.weight += (size_t)blockIdx.z * whole.columns * all.stride;
        epilogue.y += (size_t)blockIdx.z * whole.rows * whole.columns;
    }
};

KERNEL weight_gradient_f32(const float* x, const float* skip, const ConvGeometry geometry, const Columns<float> dy,
                           const Epilogue<float> epilogue)
{
    const ProductGroup<float> own(x, skip, geometry, dy, epilogue);
    float_product(own.source, own.dy, own.epilogue, blockIdx.x * FloatTile, blockIdx.y * FloatTile);
}
EXPORT(weight_gradient_f32)

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL weight_gradient_##suffix(const T* x, const T* skip, const ConvGeometry geometry, const Columns<T> dy,                           \
                                    const Epilogue<T> epilogue)                                                                            \
    {                                                                                                                                      \
        DYNAMIC_SHARED(T, shared);                                                                                                         \
        const ProductGroup<T> own(x, skip, geometry, dy, epilogue);                                                                        \
        half_product<T, Warp64x64, 1>(shared, own.source, own.dy, own.epilogue, blockIdx.x * Warp64x64::m, blockIdx.y * Warp64x64::n);     \
    }                                                                                                                                      \
    EXPORT(weight_gradient_##suffix)
FOR_EACH_HALF(INSTANCE)
