// linear.cu: a matrix product with PyTorch's weight layout, and its epilogue.
//   y = epilogue(x W^T)
// Source    tiles as in Kerr et al. 2017 (CUTLASS); GEGLU: Shazeer 2020.
// Shapes    x [M, K], weight [N, K] with rows of `stride` elements (a multiple of 8, zero-filled), y [M, N], or [M, N / 2] under GEGLU.
// Launch    half types: grid (ceil(M / m), ceil(N / n), parts) of the tile in the kernel's name, threads and dynamic shared memory as the
// tile
//           says (common/product.cuh); `_any` takes rows of any length and address, the others multiples of 16 bytes; `_g` is by wgmma.
//           f32: grid (ceil(M / 64), ceil(N / 64)), 256 threads.
// Cost      2 M N K operations; reads x ceil(N / n) times and the weight ceil(M / m) times, mostly from the second cache.
#include "common/matrix.cuh"

KERNEL linear_f32(const float* x, const Columns<float> weight, const Epilogue<float> epilogue)
{
    linear(x, weight, epilogue);
}
EXPORT(linear_f32)

#define TILE(name, T, Shape, Width)                                                                                                        \
    KERNEL THREADS(Shape::threads) name(const T* x, const Columns<T> weight, const Epilogue<T> epilogue, const Split split)                \
    {                                                                                                                                      \
        linear<T, Shape, Width>(x, weight, epilogue, split, 0, blockIdx.z);                                                                \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T) FOR_EACH_TILE(TILE, linear_##suffix, T)
FOR_EACH_HALF(INSTANCE)
