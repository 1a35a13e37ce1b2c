// activation.cuh: functions of one element, in fp32.
#pragma once
#include "common/device.cuh"

// The values of AudioToken.Tensors.Activation.
enum Activation { None, Silu, Gelu, QuickGelu, Relu, Geglu };

DEVICE float gelu(float x)
{
    // The complementary function: 1 + erf cancels where x is far below zero.
    return 0.5f * x * erfcf(-0.70710678f * x);
}

DEVICE float activated(float x, int activation)
{
    switch (activation) {
    case Silu:
        return x / (1.0f + expf(-x));
    case Gelu:
        return gelu(x);
    case QuickGelu:
        return x / (1.0f + expf(-1.702f * x));
    case Relu:
        return x < 0.0f ? 0.0f : x;
    default:
        return x;
    }
}

// The same for results that are rounded to half types: within 4e-7 (1 + |x|), by the device's own exponential and quotient.
DEVICE float sigmoid_rounded(float x)
{
    return __fdividef(1.0f, 1.0f + exp2_approx(-1.44269504f * x));
}

// Abramowitz and Stegun 1964, 7.1.26: the complementary error function within 1.5e-7.
DEVICE float gelu_rounded(float x)
{
    const float z = 0.70710678f * fabsf(x), t = __fdividef(1.0f, 1.0f + 0.3275911f * z);
    const float rest = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f)))) *
                       exp2_approx(-1.44269504f * z * z);
    return x * (x < 0.0f ? 0.5f * rest : 1.0f - 0.5f * rest);
}

template <int Count> DEVICE void activate_rounded(float (&x)[Count], int activation)
{
    if (activation == None) return;
    if (activation == Silu || activation == QuickGelu) {
        const float factor = activation == Silu ? 1.0f : 1.702f;
#pragma unroll
        for (int i = 0; i < Count; i++)
            x[i] *= sigmoid_rounded(factor * x[i]);
        return;
    }
#pragma unroll
    for (int i = 0; i < Count; i++)
        x[i] = activation == Gelu ? gelu_rounded(x[i]) : fmaxf(x[i], 0.0f);
}
