// conv2d.cu: two-dimensional cross-correlation as an implicit matrix product, and its epilogue.
//   y[b,oy,ox] = epilogue(sum_{ky,kx,c} x[b, oy s - top + ky, ox s - left + kx, c] weight[n, ky, kx, c]), zero outside the input,
//   which may first be enlarged by nearest neighbour, and whose channels may come from two tensors.
// Source    Chetlur et al. 2014 (cuDNN): windows are rows of a product that are addressed, not gathered.
// Shapes    x [B, H, W, Cx], skip [B, H, W, Cskip] or none; weight [N, kh * kw * (Cx + Cskip)] in rows of `stride` elements (a multiple of
// 8,
//           zero-filled); y [B, OH, OW, N].
// Launch    grid (ceil(B OH OW / m), ceil(N / n)) of the tile in the kernel's name; half types: as many threads and bytes of dynamic shared
//           memory as Tile says; f32: 64 x 64, 256 threads. `_any` takes any channels and address; the others want both channel counts
//           to be multiples of 8 and 16-byte addresses.
// Cost      2 B OH OW N kh kw C operations; the windows overlap in the caches.
#include "common/product.cuh"
#include "common/window.cuh"

// Row m is the window of output position m.
template <typename T> struct Windows {
    struct Row {
        int b; // -1 beyond the last
        int y, x;
    };
    const T* x;
    const T* skip;
    ConvGeometry g;
    int rows;

    DEVICE_MEMBER Row row(int m) const
    {
        const int position = m % (g.out_height * g.out_width);
        return {m < rows ? m / (g.out_height * g.out_width) : -1, position / g.out_width * g.stride - g.top,
                position % g.out_width * g.stride - g.left};
    }

    DEVICE_MEMBER const T* at(const Row& row, int k) const
    {
        const int channels = g.x_channels + g.skip_channels, tap = k / channels, c = k - tap * channels;
        if (row.b < 0) return nullptr;
        return window_element(g, x, skip, row.b, row.y + tap / g.kernel_width, row.x + tap % g.kernel_width, c);
    }
};

template <typename T, typename Shape, int Width>
DEVICE void conv2d(const T* x, const T* skip, const ConvGeometry& geometry, const Columns<T>& weight, const Epilogue<T>& epilogue)
{
    DYNAMIC_SHARED(T, shared);
    const Windows<T> source{x, skip, geometry, epilogue.rows};
    half_product<T, Shape, Width>(shared, source, weight, epilogue, blockIdx.x * Shape::m, blockIdx.y * Shape::n);
}

KERNEL conv2d_f32(const float* x, const float* skip, const ConvGeometry geometry, const Columns<float> weight,
                  const Epilogue<float> epilogue)
{
    const Windows<float> source{x, skip, geometry, epilogue.rows};
    float_product(source, weight, epilogue, blockIdx.x * FloatTile, blockIdx.y * FloatTile);
}
EXPORT(conv2d_f32)

#define TILE(name, T, Shape, Width)                                                                                                        \
    KERNEL name(const T* x, const T* skip, const ConvGeometry geometry, const Columns<T> weight, const Epilogue<T> epilogue)               \
    {                                                                                                                                      \
        conv2d<T, Shape, Width>(x, skip, geometry, weight, epilogue);                                                                      \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    TILE(conv2d_##suffix##_any, T, SmallTile, 1)                                                                                           \
    TILE(conv2d_##suffix##_64x64, T, SmallTile, 8)                                                                                         \
    TILE(conv2d_##suffix##_128x160, T, WideTile, 8)
FOR_EACH_HALF(INSTANCE)
