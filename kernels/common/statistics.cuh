// statistics.cuh: mean and reciprocal deviation of values that several threads read.
#pragma once
#include "common/device.cuh"

struct Statistics {
    float mean, rstd;
};

// Of value(0) ... value(count - 1), of which this thread takes every step-th from its first on; `total` adds over all threads that take
// part.
template <typename Value, typename Total> DEVICE Statistics statistics(int count, int first, int step, float eps, Value value, Total total)
{
    float sum = 0.0f;
    for (int i = first; i < count; i += step)
        sum += value(i);
    const float mean = total(sum) / count;

    // A second pass rather than E[x^2] - mean^2, which cancels where |mean| is large beside the deviation.
    // The deviations' own mean is what rounding took from the first one.
    float squares = 0.0f, drift = 0.0f;
    for (int i = first; i < count; i += step) {
        const float d = value(i) - mean;
        squares += d * d;
        drift += d;
    }
    const float rest = total(drift) / count;
    return {mean + rest, rsqrtf(total(squares) / count - rest * rest + eps)};
}
