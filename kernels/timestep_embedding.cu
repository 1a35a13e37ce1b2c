// timestep_embedding.cu: sinusoids of times.
//   f[i] = e^(-ln(10000) i / (half - shift)),  y[s] = [cos(t[s] f), sin(t[s] f)] or [sin, cos],  half = width / 2
// Source    Vaswani et al. 2017; order and shift as diffusers' flip_sin_to_cos and freq_shift.
// Shapes    times [S] in fp32, y [S, width].
// Launch    grid (ceil(half / block), S), any one-dimensional block.
// Cost      a few hundred values: bound by the launch.
#include "common/dtype.cuh"

template <typename T> DEVICE void timestep_embedding(T* y, const float* times, int width, int cosine_first, float shift)
{
    const int half = width / 2, i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= half) return;
    const float angle = times[blockIdx.y] * expf(-9.21034037f * i / (half - shift));
    y += (size_t)blockIdx.y * width;
    y[cosine_first ? i : half + i] = from_float<T>(cosf(angle));
    y[cosine_first ? half + i : i] = from_float<T>(sinf(angle));
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL timestep_embedding_##suffix(T* y, const float* times, int width, int cosine_first, float shift)                                 \
    {                                                                                                                                      \
        timestep_embedding(y, times, width, cosine_first, shift);                                                                          \
    }                                                                                                                                      \
    EXPORT(timestep_embedding_##suffix)
FOR_EACH_FLOAT(INSTANCE)
