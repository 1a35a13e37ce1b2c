// slope.cuh: derivatives of the functions in activation.cuh.
#pragma once
#include "common/activation.cuh"

DEVICE float gelu_slope(float x)
{
    // Phi(x) + x phi(x), of the normal distribution.
    return 0.5f * erfcf(-0.70710678f * x) + 0.39894228f * x * expf(-0.5f * x * x);
}

// Of v / (1 + exp(-factor v)).
DEVICE float gated_slope(float x, float factor)
{
    const float gate = 1.0f / (1.0f + expf(-factor * x));
    return gate * (1.0f + factor * x * (1.0f - gate));
}

DEVICE float slope(float x, int activation)
{
    switch (activation) {
    case Silu:
        return gated_slope(x, 1.0f);
    case Gelu:
        return gelu_slope(x);
    case QuickGelu:
        return gated_slope(x, 1.702f);
    case Relu:
        return x > 0.0f ? 1.0f : 0.0f;
    default:
        return 1.0f;
    }
}
