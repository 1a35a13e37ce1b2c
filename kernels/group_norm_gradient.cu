// group_norm_gradient.cu: gradients of group_norm.cu by its input, scale and shift.
//   dx = rstd (gamma g - mean(gamma g) - n mean(gamma g n)), the means over a group; per sample dgamma = sum_i g n, dbeta = sum_i g;
//   g = dy act'(n gamma + beta), n = (x - mean) rstd
// Source    Wu and He 2018, "Group Normalization".
// Shapes    x [B, HW, Cx], skip [B, HW, Cskip] or none; dy, dx [B, HW, C], C = Cx + Cskip; gamma, beta [C], statistics [B, groups, 2]
//           (mean, rstd) and totals [B, 2, C] (of g and of g n) in fp32.
// Launch    in this order: group_norm_statistics and group_norm_gradient grid (groups, B); between them group_norm_totals grid
//           (ceil(C / 32), B). Blocks a multiple of 32 up to 1024.
// Cost      four reads of x, two of dy, one write of dx; bound by memory.
#include "common/dtype.cuh"
#include "common/reduce.cuh"
#include "common/slope.cuh"
#include "common/statistics.cuh"
#include "common/totals.cuh"

template <typename T> struct Norm {
    const T* x;
    const T* skip;
    const T* dy;
    const float* gamma;
    const float* beta;
    Statistics* kept;
    float* totals;
    int hw, x_channels, skip_channels, groups;
    int activation;
    float eps;

    DEVICE_MEMBER int channels() const { return x_channels + skip_channels; }

    DEVICE_MEMBER float value(size_t position, int c) const
    {
        return to_float(c < x_channels ? x[position * x_channels + c] : skip[position * skip_channels + c - x_channels]);
    }

    // n and g.
    DEVICE_MEMBER Totals at(size_t position, int c, const Statistics& s) const
    {
        const float n = (value(position, c) - s.mean) * s.rstd, g = to_float(dy[position * channels() + c]);
        return {n, activation == None ? g : g * slope(n * gamma[c] + beta[c], activation)};
    }
};

template <typename T> DEVICE void group_norm_statistics(const Norm<T>& norm)
{
    const int width = norm.channels() / norm.groups, first = blockIdx.x * width;
    const size_t sample = (size_t)blockIdx.y * norm.hw;
    const Statistics s = statistics(
        width * norm.hw, threadIdx.x, blockDim.x, norm.eps, [&](int i) { return norm.value(sample + i / width, first + i % width); },
        [](float value) { return block_sum(value); });
    if (threadIdx.x == 0) norm.kept[blockIdx.y * norm.groups + blockIdx.x] = s;
}

template <typename T> DEVICE void group_norm_totals(const Norm<T>& norm)
{
    const int channels = norm.channels(), c = blockIdx.x * 32 + threadIdx.x % 32;
    const bool inside = c < channels;
    const Statistics s = inside ? norm.kept[blockIdx.y * norm.groups + c / (channels / norm.groups)] : Statistics{0.0f, 0.0f};
    const Totals total = column_totals(norm.hw, inside, [&](int i) {
        const Totals pair = norm.at((size_t)blockIdx.y * norm.hw + i, c, s);
        return Totals{pair.second, pair.second * pair.first};
    });
    if (threadIdx.x >= 32 || !inside) return;
    float* to = norm.totals + (size_t)blockIdx.y * 2 * channels + c;
    to[0] = total.first;
    to[channels] = total.second;
}

template <typename T> DEVICE void group_norm_gradient(T* dx, const Norm<T>& norm)
{
    const int channels = norm.channels(), width = channels / norm.groups, first = blockIdx.x * width, count = width * norm.hw;
    const size_t sample = (size_t)blockIdx.y * norm.hw;
    const Statistics s = norm.kept[blockIdx.y * norm.groups + blockIdx.x];
    const float* totals = norm.totals + (size_t)blockIdx.y * 2 * channels;
    float plain = 0.0f, along = 0.0f;
    for (int c = first + threadIdx.x; c < first + width; c += blockDim.x) {
        plain += norm.gamma[c] * totals[c];
        along += norm.gamma[c] * totals[channels + c];
    }
    plain = block_sum(plain) / count;
    along = block_sum(along) / count;
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        const int c = first + i % width;
        const size_t position = sample + i / width;
        const Totals pair = norm.at(position, c, s);
        dx[position * channels + c] = from_float<T>(s.rstd * (norm.gamma[c] * pair.second - plain - pair.first * along));
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL THREADS(1024) group_norm_statistics_##suffix(const Norm<T> norm)                                                                \
    {                                                                                                                                      \
        group_norm_statistics(norm);                                                                                                       \
    }                                                                                                                                      \
    EXPORT(group_norm_statistics_##suffix)                                                                                                 \
    KERNEL THREADS(1024) group_norm_totals_##suffix(const Norm<T> norm)                                                                    \
    {                                                                                                                                      \
        group_norm_totals(norm);                                                                                                           \
    }                                                                                                                                      \
    EXPORT(group_norm_totals_##suffix)                                                                                                     \
    KERNEL THREADS(1024) group_norm_gradient_##suffix(T* dx, const Norm<T> norm)                                                           \
    {                                                                                                                                      \
        group_norm_gradient(dx, norm);                                                                                                     \
    }                                                                                                                                      \
    EXPORT(group_norm_gradient_##suffix)
FOR_EACH_FLOAT(INSTANCE)
