// mma.cuh: one name for the tensor cores' product of either half type.
#pragma once
#include "common/device.cuh"

// d += a b, 16 x 8 sums over 16 terms, spread over a warp. The last argument only tells the type.
DEVICE void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], h16)
{
    mma_m16n8k16_f16(d, a, b);
}

DEVICE void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], b16)
{
    mma_m16n8k16_bf16(d, a, b);
}

// The same over 8 terms.
DEVICE void mma(float (&d)[4], const unsigned (&a)[2], unsigned b, h16)
{
    mma_m16n8k8_f16(d, a, b);
}

DEVICE void mma(float (&d)[4], const unsigned (&a)[2], unsigned b, b16)
{
    mma_m16n8k8_bf16(d, a, b);
}
