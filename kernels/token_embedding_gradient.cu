// token_embedding_gradient.cu: gradient of token_embedding.cu by one of its three sources of rows.
//   y[r] = sum of dy[m] over all m whose source is row r, in the order of m
// Shapes    ids [B, L], dy [B, L, D], y [rows, D] in fp32: the token table, the position table, or the placeholder's [samples, P, D].
// Launch    grid (rows), any one-dimensional block: threads stride over the columns.
// Cost      every block reads all ids; one read of dy and one write of y. No block adds to what another writes.
#include "common/dtype.cuh"

enum RowSource { Tokens, Positions, Placeholders };

struct Embedding {
    const int* ids;
    int batch, length, width;
    int placeholder_id, placeholders; // of a sample
    int shared;                       // whether all samples have the same placeholders
    int source;
};

// The row behind position m, or -1 if it comes from another source.
DEVICE int source_row(const Embedding& e, int m)
{
    if (e.source == Positions) return m % e.length;
    const int id = e.ids[m], place = id - e.placeholder_id;
    const bool stands = e.placeholder_id >= 0 && place >= 0 && place < e.placeholders;
    if (e.source == Tokens) return stands ? -1 : id;
    return !stands ? -1 : place + (e.shared ? 0 : m / e.length * e.placeholders);
}

template <typename T> DEVICE void token_embedding_gradient(float* y, const T* dy, const Embedding& e)
{
    const int row = blockIdx.x;
    for (int c = threadIdx.x; c < e.width; c += blockDim.x) {
        float sum = 0.0f;
        for (int m = 0; m < e.batch * e.length; m++)
            if (source_row(e, m) == row) sum += to_float(dy[(size_t)m * e.width + c]);
        y[(size_t)row * e.width + c] = sum;
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL token_embedding_gradient_##suffix(float* y, const T* dy, const Embedding e)                                                     \
    {                                                                                                                                      \
        token_embedding_gradient(y, dy, e);                                                                                                \
    }                                                                                                                                      \
    EXPORT(token_embedding_gradient_##suffix)
FOR_EACH_FLOAT(INSTANCE)
