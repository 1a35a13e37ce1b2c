// rgb8.cu: a decoder's picture as bytes, so that these alone go to the host, and where it is no number.
//   y[i] = round(clamp(x[i] / 2 + 0.5, 0, 1) * 255), halves to even; fault[b] = 1 + the least i of block b with x[i] not finite, else 0
// Shapes    x [count], count < 2^31 - 4096; y [count] bytes, at a multiple of 16 bytes; fault [blocks].
// Launch    one-dimensional, ceil(count / 4096) blocks of 256 threads; 16 elements a thread.
// Cost      one read of x and one write of a byte for each value; bound by memory.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

constexpr int Threads = 256, Each = 16;

// As MathF.Round((x / 2 + 0.5) clamped * 255): halving is exact, so a fused multiply-add changes nothing.
DEVICE unsigned pixel(float value)
{
    const float share = value * 0.5f + 0.5f;
    return is_finite(value) ? (unsigned)rintf((share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share) * 255.0f) : 0;
}

template <typename T> DEVICE void rgb8(unsigned char* y, unsigned* fault, const T* x, int count)
{
    __shared__ int least[Threads / 32]; // one value a warp
    constexpr int Width = Pack<T>::count;
    const int start = (blockIdx.x * Threads + threadIdx.x) * Each;
    int first = count;
    if (start + Each <= count && is_packed(x)) {
        union {
            unsigned char bytes[Each];
            uint4 pack;
        } u;
#pragma unroll
        for (int p = 0; p < Each; p += Width) {
            const Pack<T> pack = load_pack(x + start + p);
#pragma unroll
            for (int k = 0; k < Width; k++) {
                const float value = to_float(pack.v[k]);
                if (!is_finite(value)) first = min(first, start + p + k);
                u.bytes[p + k] = (unsigned char)pixel(value);
            }
        }
        *reinterpret_cast<uint4*>(y + start) = u.pack;
    } else {
        for (int i = start; i < start + Each && i < count; i++) {
            const float value = to_float(x[i]);
            if (!is_finite(value)) first = min(first, i);
            y[i] = (unsigned char)pixel(value);
        }
    }
    first = warp_min(first);
    if (threadIdx.x % 32 == 0) least[threadIdx.x / 32] = first;
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (int warp = 1; warp < Threads / 32; warp++)
        first = min(first, least[warp]);
    fault[blockIdx.x] = first < count ? (unsigned)first + 1 : 0;
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL rgb8_##suffix(unsigned char* y, unsigned* fault, const T* x, int count)                                                         \
    {                                                                                                                                      \
        rgb8(y, fault, x, count);                                                                                                          \
    }                                                                                                                                      \
    EXPORT(rgb8_##suffix)
FOR_EACH_FLOAT(INSTANCE)
