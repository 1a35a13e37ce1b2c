// repeat_batch.cu: the samples of a tensor several times over, together with what its maker told of them (see README.md, moments).
//   to_p[t, i] = from_p[i] for t < times
// Shapes    from_p [bytes_p], to_p [times, bytes_p]: two parts of any type of at least 2 bytes, of which the second may be empty.
// Launch    grid (any, parts), any one-dimensional block: threads stride over a part.
// Cost      one read and `times` writes of each part; bound by memory.
#include "common/dtype.cuh"

struct Parts {
    const void* from[2];
    void* to[2];
    size_t bytes[2];
};

template <typename Unit> DEVICE void repeat(void* to, const void* from, size_t bytes, int times)
{
    const size_t count = bytes / sizeof(Unit), threads = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += threads) {
        const Unit value = static_cast<const Unit*>(from)[i];
        for (int t = 0; t < times; t++)
            static_cast<Unit*>(to)[t * count + i] = value;
    }
}

KERNEL repeat_batch(const GRID_CONSTANT Parts parts, int times)
{
    const void* const from = parts.from[blockIdx.y];
    void* const to = parts.to[blockIdx.y];
    const size_t bytes = parts.bytes[blockIdx.y];
    if (is_packed(from) && is_packed(to) && bytes % 16 == 0)
        repeat<uint4>(to, from, bytes, times);
    else
        repeat<unsigned short>(to, from, bytes, times);
}
EXPORT(repeat_batch)
