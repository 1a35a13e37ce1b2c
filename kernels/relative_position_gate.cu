// relative_position_gate.cu: the gate on BEATs' relative positions.
//   a = sigmoid(p[0] + ... + p[3]),  b = sigmoid(p[4] + ... + p[7]),  y = a (b scale[h] - 1) + 2
// Source    Chi et al. 2022 (XLM-E), as WavLM and BEATs use it.
// Shapes    projected p [B, L * heads, 8], scale [heads] in fp32, y [B, L, heads].
// Launch    one-dimensional, a thread an element of y.
// Cost      one read of the projection; bound by the launch.
#include "common/dtype.cuh"

DEVICE float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

template <typename T> DEVICE void relative_position_gate(T* y, const T* projected, const float* scale, int count, int heads)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float p[8];
    for (int k = 0; k < 8; k++)
        p[k] = to_float(projected[(size_t)i * 8 + k]);
    const float a = sigmoid(p[0] + p[1] + p[2] + p[3]), b = sigmoid(p[4] + p[5] + p[6] + p[7]);
    y[i] = from_float<T>(a * (b * scale[i % heads] - 1.0f) + 2.0f);
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL relative_position_gate_##suffix(T* y, const T* projected, const float* scale, int count, int heads)                             \
    {                                                                                                                                      \
        relative_position_gate(y, projected, scale, count, heads);                                                                         \
    }                                                                                                                                      \
    EXPORT(relative_position_gate_##suffix)
FOR_EACH_FLOAT(INSTANCE)
