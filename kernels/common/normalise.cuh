// normalise.cuh: what the forms of GroupNorm share.
#pragma once
#include "common/activation.cuh"
#include "common/dtype.cuh"

// n / d by d's inverse, 2^31 / d rounded up: exact while n * d is less than 2^31.
DEVICE int quotient(int n, unsigned inverse)
{
    return (int)((unsigned long long)(unsigned)n * inverse >> 31);
}

// Of some values: how many, their mean, and the squares about it.
struct Moments {
    float count, mean, squares;
};

DEVICE float reciprocal(float count)
{
    return count > 0.0f ? __fdividef(1.0f, count) : 0.0f;
}

// (v - mean) * scale + offset of a pack's channels, through the activation. Half types do not show what a difference from the mean would
// keep, nor what the quick exponential loses; two reciprocals are one of the product.
template <typename T> struct Affine {
    static constexpr int Width = Pack<T>::count;
    float mean[Width], scale[Width], offset[Width];

    DEVICE_MEMBER void set(int i, float group_mean, float factor, float term)
    {
        scale[i] = factor;
        if constexpr (is_same<T, float>)
            mean[i] = group_mean, offset[i] = term;
        else
            offset[i] = term - group_mean * factor;
    }

    DEVICE_MEMBER float at(const Pack<T>& pack, int i) const
    {
        if constexpr (is_same<T, float>)
            return (pack.v[i] - mean[i]) * scale[i] + offset[i];
        else
            return to_float(pack.v[i]) * scale[i] + offset[i];
    }

    DEVICE_MEMBER Pack<T> of(const Pack<T>& pack, bool silu) const
    {
        Pack<T> result;
#pragma unroll
        for (int i = 0; i < Width; i += 2) {
            float a = at(pack, i), b = at(pack, i + 1);
            if (silu && is_same<T, float>) {
                a = activated(a, Silu);
                b = activated(b, Silu);
            } else if (silu) {
                const float below_a = 1.0f + exp2_approx(fminf(a * -1.44269504f, 60.0f)),
                            below_b = 1.0f + exp2_approx(fminf(b * -1.44269504f, 60.0f)), both = __fdividef(1.0f, below_a * below_b);
                a *= both * below_b;
                b *= both * below_a;
            }
            result.v[i] = from_float<T>(a);
            result.v[i + 1] = from_float<T>(b);
        }
        return result;
    }
};
