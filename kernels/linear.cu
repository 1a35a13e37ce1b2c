// linear.cu: a matrix product with PyTorch's weight layout, and its epilogue.
//   y = epilogue(x W^T)
// Source    tiles as in Kerr et al. 2017 (CUTLASS); GEGLU: Shazeer 2020.
// Shapes    x [M, K], weight [N, K] with rows of `stride` elements (a multiple of 8, zero-filled), y [M, N], or [M, N / 2] under GEGLU.
// Launch    grid (ceil(M / m), ceil(N / n)) of the tile in the kernel's name; half types: threads and dynamic shared memory as Tile says;
//           f32: 64 x 64, 256 threads. `_any` takes rows of any length and address, the others multiples of 16 bytes.
// Cost      2 M N K operations; reads x ceil(N / n) times and the weight ceil(M / m) times, mostly from the second cache.
#include "common/matrix.cuh"

KERNEL linear_f32(const float* x, const Columns<float> weight, const Epilogue<float> epilogue)
{
    linear(x, weight, epilogue);
}
EXPORT(linear_f32)

#define TILE(name, T, Shape, Width)                                                                                                        \
    KERNEL name(const T* x, const Columns<T> weight, const Epilogue<T> epilogue)                                                           \
    {                                                                                                                                      \
        linear<T, Shape, Width>(x, weight, epilogue);                                                                                      \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    TILE(linear_##suffix##_any, T, SmallTile, 1)                                                                                           \
    TILE(linear_##suffix##_64x64, T, SmallTile, 8)                                                                                         \
    TILE(linear_##suffix##_128x160, T, WideTile, 8)
FOR_EACH_HALF(INSTANCE)
