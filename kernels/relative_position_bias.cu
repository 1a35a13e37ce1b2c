// relative_position_bias.cu: spreads a table of relative positions over all pairs of a sequence.
//   y[h, i, j] = table[buckets[j - i + L - 1], h]
// Source    Raffel et al. 2020 (T5), as BEATs and WavLM use it.
// Shapes    table [rows, heads], buckets [2 L - 1], y [heads, L, L].
// Launch    grid (L, heads), any one-dimensional block. The launcher has checked that every bucket has a row.
// Cost      one write of y; once a length.
#include "common/dtype.cuh"

template <typename T> DEVICE void relative_position_bias(T* y, const T* table, const int* buckets, int heads)
{
    const int length = gridDim.x, i = blockIdx.x, head = blockIdx.y;
    y += ((size_t)head * length + i) * length;
    for (int j = threadIdx.x; j < length; j += blockDim.x)
        y[j] = table[(size_t)buckets[j - i + length - 1] * heads + head];
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL relative_position_bias_##suffix(T* y, const T* table, const int* buckets, int heads)                                            \
    {                                                                                                                                      \
        relative_position_bias(y, table, buckets, heads);                                                                                  \
    }                                                                                                                                      \
    EXPORT(relative_position_bias_##suffix)
FOR_EACH_FLOAT(INSTANCE)
