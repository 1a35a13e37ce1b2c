// group_norm_plain.cu: what group_norm.cu computes, for any widths and addresses, an element at a time: normalises each group of channels
// of each sample, scales and shifts each channel, and may apply SiLU.
//   y[b,i,c] = act((x[b,i,c] - mean[b,g]) * rstd[b,g] * gamma[c] + beta[c]),  g = c / (channels / groups),  act(v) = v or v * sigmoid(v)
// Source    Wu and He 2018, "Group Normalization".
// Shapes    x [B, HW, Cx], skip [B, HW, Cskip] or none: its channels follow those of x, a group may hold both; gamma, beta [C] in fp32;
//           y [B, HW, C], C = Cx + Cskip.
// Launch    grid (groups, B), block a multiple of 32 up to 1024, static shared memory only.
// Cost      three reads of x and one write of y, two bytes an access, and a division for each.
#include "common/activation.cuh"
#include "common/dtype.cuh"
#include "common/reduce.cuh"

template <typename T>
DEVICE void group_norm(T* y, const T* x, const T* skip, const float* gamma, const float* beta, int hw, int x_channels, int skip_channels,
                       float eps, int activation)
{
    const int channels = x_channels + skip_channels;
    const int width = channels / gridDim.x; // channels of one group: neighbours in memory at each position
    const int count = width * hw;           // elements of one group; the launcher checks that it fits an int
    const int first = blockIdx.x * width;
    const size_t sample = (size_t)blockIdx.y * hw;
    const auto element = [&](int i) {
        const size_t position = sample + i / width;
        const int c = first + i % width;
        return to_float(c < x_channels ? x[position * x_channels + c] : skip[position * skip_channels + c - x_channels]);
    };

    float sum = 0.0f;
    for (int i = threadIdx.x; i < count; i += blockDim.x)
        sum += element(i);
    const float mean = block_sum(sum) / count;

    // A second pass rather than E[x^2] - mean^2, which cancels where |mean| is large beside the deviation.
    // The deviations' own mean is what rounding took from the first one.
    float squares = 0.0f, drift = 0.0f;
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        const float d = element(i) - mean;
        squares += d * d;
        drift += d;
    }
    const float rest = block_sum(drift) / count;
    const float rstd = rsqrtf(block_sum(squares) / count - rest * rest + eps);

    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        const int c = first + i % width;
        const float v = (element(i) - mean - rest) * rstd * gamma[c] + beta[c];
        y[(sample + i / width) * channels + c] = from_float<T>(activated(v, activation));
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL THREADS(1024) group_norm_plain_##suffix(T* y, const T* x, const T* skip, const float* gamma, const float* beta, int hw,         \
                                                   int x_channels, int skip_channels, float eps, int activation)                           \
    {                                                                                                                                      \
        group_norm(y, x, skip, gamma, beta, hw, x_channels, skip_channels, eps, activation);                                               \
    }                                                                                                                                      \
    EXPORT(group_norm_plain_##suffix)
FOR_EACH_FLOAT(INSTANCE)
