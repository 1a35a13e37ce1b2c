// concat.cu: joins up to eight tensors along the channels.
//   y[r, start[p] + c] = x[p][r, c]
// Shapes    x[p] [rows, columns[p]], y [rows, sum of columns].
// Launch    grid (any, parts), any one-dimensional block: threads stride over the elements of a part.
// Cost      one read and one write of every part; bound by memory.
#include "common/dtype.cuh"

constexpr int MaxParts = 8; // ResultShape.MaxParts

template <typename T> struct Parts {
    const T* x[MaxParts];
    int columns[MaxParts];
    int start[MaxParts]; // the first column of each in the result
};

template <typename T> DEVICE void concat(T* y, const Parts<T>& parts, int rows, int width)
{
    const int part = blockIdx.y, columns = parts.columns[part];
    const size_t count = (size_t)rows * columns, threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads)
        y[i / columns * width + parts.start[part] + i % columns] = parts.x[part][i];
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL concat_##suffix(T* y, const GRID_CONSTANT Parts<T> parts, int rows, int width)                                                  \
    {                                                                                                                                      \
        concat(y, parts, rows, width);                                                                                                     \
    }                                                                                                                                      \
    EXPORT(concat_##suffix)
FOR_EACH_FLOAT(INSTANCE)
