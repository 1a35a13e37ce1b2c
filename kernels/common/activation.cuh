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
