// relative_position_gate_gradient.cu: gradients of relative_position_gate.cu by the projection and the scale.
//   With a = sigmoid(p[0] + ... + p[3]), b = sigmoid(p[4] + ... + p[7]): dp[0..3] = dy (b scale[h] - 1) a (1 - a),
//   dp[4..7] = dy a scale[h] b (1 - b), dscale[h] = sum of dy a b
// Source    Chi et al. 2022 (XLM-E), as WavLM and BEATs use it.
// Shapes    p, dp [B, L * heads, 8]; dy [B, L, heads]; scale, dscale [heads] in fp32.
// Launch    grid (heads), block a multiple of 32: a block is a head.
// Cost      one read of the projection and one write; bound by the launch.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

DEVICE float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

template <typename T>
DEVICE void relative_position_gate_gradient(T* dprojected, float* dscale, const T* projected, const float* scale, const T* dy,
                                            int positions, int heads)
{
    const int head = blockIdx.x;
    float sum = 0.0f;
    for (int position = threadIdx.x; position < positions; position += blockDim.x) {
        const size_t i = (size_t)position * heads + head;
        float p[8];
        for (int k = 0; k < 8; k++)
            p[k] = to_float(projected[i * 8 + k]);
        const float a = sigmoid(p[0] + p[1] + p[2] + p[3]), b = sigmoid(p[4] + p[5] + p[6] + p[7]), up = to_float(dy[i]);
        const T first = from_float<T>(up * (b * scale[head] - 1.0f) * a * (1.0f - a));
        const T second = from_float<T>(up * a * scale[head] * b * (1.0f - b));
        for (int k = 0; k < 8; k++)
            dprojected[i * 8 + k] = k < 4 ? first : second;
        sum += up * a * b;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) dscale[head] = sum;
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL relative_position_gate_gradient_##suffix(T* dprojected, float* dscale, const T* projected, const float* scale, const T* dy,     \
                                                    int positions, int heads)                                                              \
    {                                                                                                                                      \
        relative_position_gate_gradient(dprojected, dscale, projected, scale, dy, positions, heads);                                       \
    }                                                                                                                                      \
    EXPORT(relative_position_gate_gradient_##suffix)
FOR_EACH_FLOAT(INSTANCE)
