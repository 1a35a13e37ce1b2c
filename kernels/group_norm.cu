// group_norm.cu: normalises each group of channels of each sample, scales and shifts each channel, and may apply SiLU.
//   y[b,i,c] = act((x[b,i,c] - mean[b,g]) * rstd[b,g] * weight[c] + bias[c]),  g = c / (channels / groups),  act(v) = v or v * sigmoid(v)
// Source    Wu and He 2018, "Group Normalization".
// Shapes    x, y [B, HW, C] contiguous, channels last; weight, bias [C]. T is the storage type, all arithmetic is fp32.
// Launch    grid (groups, B), block a multiple of 32 up to 1024, static shared memory only.
// Cost      three reads of x and one write of y; bound by memory. Ladder and figures: kernels/README.md.
#include "common/dtype.cuh"  // to_float, from_float<T>
#include "common/reduce.cuh" // block_sum: the total in every thread, safe to call again

template <typename T>
__device__ void group_norm(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias, int hw,
                           int channels, float eps, int silu)
{
    const int width = channels / gridDim.x; // channels of one group: neighbours in memory at each position
    const int count = width * hw;           // elements of one group; the launcher checks that it fits an int
    const int first = blockIdx.x * width;
    const size_t sample = (size_t)blockIdx.y * hw * channels;
    x += sample + first;
    y += sample + first;

    float sum = 0.0f;
    for (int i = threadIdx.x; i < count; i += blockDim.x)
        sum += to_float(x[(size_t)(i / width) * channels + i % width]);
    const float mean = block_sum(sum) / count;

    // A second pass rather than E[x^2] - mean^2, which cancels where |mean| is large beside the deviation.
    float squares = 0.0f;
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        const float d = to_float(x[(size_t)(i / width) * channels + i % width]) - mean;
        squares += d * d;
    }
    const float rstd = rsqrtf(block_sum(squares) / count + eps);

    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        const size_t at = (size_t)(i / width) * channels + i % width;
        const int c = first + i % width;
        const float v = (to_float(x[at]) - mean) * rstd * to_float(weight[c]) + to_float(bias[c]);
        y[at] = from_float<T>(silu ? v / (1.0f + expf(-v)) : v);
    }
}

extern "C" __global__ void group_norm_f32(float* y, const float* x, const float* weight, const float* bias, int hw, int channels, float eps,
                                          int silu)
{
    group_norm(y, x, weight, bias, hw, channels, eps, silu);
}

extern "C" __global__ void group_norm_f16(half_t* y, const half_t* x, const half_t* weight, const half_t* bias, int hw, int channels,
                                          float eps, int silu)
{
    group_norm(y, x, weight, bias, hw, channels, eps, silu);
}
