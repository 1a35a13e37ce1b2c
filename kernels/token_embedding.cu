// token_embedding.cu: looks tokens up and adds position rows; a placeholder's own vectors stand in for the table's row.
//   y[b, l] = (id in [first, first + P) ? placeholder[b, id - first] : tokens[id]) + positions[l],  id = ids[b, l]
// Source    Radford et al. 2021 (CLIP); placeholder as in textual inversion, Gal et al. 2022.
// Shapes    ids [B, L], tokens [V, D], positions [>= L, D], placeholder [B, P, D] or shared [P, D], y [B, L, D].
// Launch    grid (L, B), any one-dimensional block. The launcher has checked that every id has a row.
// Cost      two reads and one write of y; bound by the launch.
#include "common/dtype.cuh"

template <typename T>
DEVICE void token_embedding(T* y, const int* ids, const T* tokens, const T* positions, const T* placeholder, int first, int placeholders,
                            int placeholder_stride, int width)
{
    const size_t row = (size_t)blockIdx.y * gridDim.x + blockIdx.x;
    const int id = ids[row];
    const bool stands = placeholder != nullptr && first >= 0 && id >= first && id - first < placeholders;
    const T* source =
        stands ? placeholder + (size_t)blockIdx.y * placeholder_stride + (size_t)(id - first) * width : tokens + (size_t)id * width;
    positions += (size_t)blockIdx.x * width;
    for (int c = threadIdx.x; c < width; c += blockDim.x)
        y[row * width + c] = from_float<T>(to_float(source[c]) + to_float(positions[c]));
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL token_embedding_##suffix(T* y, const int* ids, const T* tokens, const T* positions, const T* placeholder, int first,            \
                                    int placeholders, int placeholder_stride, int width)                                                   \
    {                                                                                                                                      \
        token_embedding(y, ids, tokens, positions, placeholder, first, placeholders, placeholder_stride, width);                           \
    }                                                                                                                                      \
    EXPORT(token_embedding_##suffix)
FOR_EACH_FLOAT(INSTANCE)
