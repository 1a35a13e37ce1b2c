// dtype.cuh: storage types and their way to and from fp32, in which all arithmetic is done.
// cuda_fp16.h is not included: under NVRTC it would want the toolkit's headers on the user's machine.
#pragma once

struct __align__(2) half_t
{
    unsigned short bits; // IEEE 754 binary16
};

__device__ inline float to_float(float value)
{
    return value;
}

__device__ inline float to_float(half_t value)
{
#ifdef __CUDA_ARCH__
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
    return result;
#else
    return shim::half_to_float(value.bits);
#endif
}

// Rounds to nearest, ties to even; in half precision, what is 65520 or more becomes infinite.
template <typename T> __device__ T from_float(float value)
{
    if constexpr (sizeof(T) == sizeof(float)) {
        return value;
    } else {
        half_t result;
#ifdef __CUDA_ARCH__
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
#else
        result.bits = shim::float_to_half(value);
#endif
        return result;
    }
}
