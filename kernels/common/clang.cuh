// clang.cuh: stands in for what NVRTC declares by itself, so that clang's front end can check the kernels without a CUDA toolkit.
// Nothing is run from what clang makes of it.
#pragma once

#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))

typedef __SIZE_TYPE__ size_t;

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    __host__ __device__ constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
    __host__ __device__ constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
    __host__ __device__ constexpr operator uint3() const { return {x, y, z}; }
};

#include <__clang_cuda_builtin_vars.h>

#define STAND_IN static __device__ __forceinline__
#define VECTORS(T, two, four)                                                                                                              \
    struct __align__(2 * sizeof(T)) two                                                                                                    \
    {                                                                                                                                      \
        T x, y;                                                                                                                            \
    };                                                                                                                                     \
    struct __align__(16) four                                                                                                              \
    {                                                                                                                                      \
        T x, y, z, w;                                                                                                                      \
    };                                                                                                                                     \
    STAND_IN two make_##two(T x, T y)                                                                                                      \
    {                                                                                                                                      \
        return {x, y};                                                                                                                     \
    }                                                                                                                                      \
    STAND_IN four make_##four(T x, T y, T z, T w)                                                                                          \
    {                                                                                                                                      \
        return {x, y, z, w};                                                                                                               \
    }
VECTORS(float, float2, float4)
VECTORS(unsigned, uint2, uint4)
VECTORS(int, int2, int4)
#undef VECTORS

STAND_IN float __uint_as_float(unsigned bits)
{
    return __builtin_bit_cast(float, bits);
}
STAND_IN unsigned __float_as_uint(float value)
{
    return __builtin_bit_cast(unsigned, value);
}
STAND_IN void __syncwarp(unsigned mask = 0xffffffffu)
{
    __nvvm_bar_warp_sync(mask);
}
STAND_IN unsigned __ballot_sync(unsigned mask, int predicate)
{
    return __nvvm_vote_ballot_sync(mask, predicate);
}
STAND_IN int __any_sync(unsigned mask, int predicate)
{
    return __nvvm_vote_any_sync(mask, predicate);
}
STAND_IN int __all_sync(unsigned mask, int predicate)
{
    return __nvvm_vote_all_sync(mask, predicate);
}
STAND_IN size_t __cvta_generic_to_shared(const void* pointer)
{
    return (size_t)(const __attribute__((address_space(3))) void*)pointer;
}
STAND_IN void __threadfence()
{
    __nvvm_membar_gl();
}

#define SHUFFLES(T)                                                                                                                        \
    STAND_IN T __shfl_sync(unsigned mask, T value, int lane)                                                                               \
    {                                                                                                                                      \
        return __builtin_bit_cast(T, __nvvm_shfl_sync_idx_i32(mask, __builtin_bit_cast(int, value), lane, 31));                            \
    }                                                                                                                                      \
    STAND_IN T __shfl_xor_sync(unsigned mask, T value, int lanes)                                                                          \
    {                                                                                                                                      \
        return __builtin_bit_cast(T, __nvvm_shfl_sync_bfly_i32(mask, __builtin_bit_cast(int, value), lanes, 31));                          \
    }                                                                                                                                      \
    STAND_IN T __shfl_up_sync(unsigned mask, T value, unsigned lanes)                                                                      \
    {                                                                                                                                      \
        return __builtin_bit_cast(T, __nvvm_shfl_sync_up_i32(mask, __builtin_bit_cast(int, value), lanes, 0));                             \
    }                                                                                                                                      \
    STAND_IN T __shfl_down_sync(unsigned mask, T value, unsigned lanes)                                                                    \
    {                                                                                                                                      \
        return __builtin_bit_cast(T, __nvvm_shfl_sync_down_i32(mask, __builtin_bit_cast(int, value), lanes, 31));                          \
    }
SHUFFLES(float)
SHUFFLES(int)
SHUFFLES(unsigned)
#undef SHUFFLES
STAND_IN double __shfl_xor_sync(unsigned mask, double value, int lanes)
{
    const int2 words = __builtin_bit_cast(int2, value);
    return __builtin_bit_cast(double, make_int2(__shfl_xor_sync(mask, words.x, lanes), __shfl_xor_sync(mask, words.y, lanes)));
}

STAND_IN float atomicAdd(float* p, float value)
{
    return __nvvm_atom_add_gen_f(p, value);
}
STAND_IN int atomicAdd(int* p, int value)
{
    return __nvvm_atom_add_gen_i(p, value);
}
STAND_IN unsigned atomicAdd(unsigned* p, unsigned value)
{
    return (unsigned)__nvvm_atom_add_gen_i((int*)p, (int)value);
}
STAND_IN float rsqrtf(float x)
{
    return __nvvm_rsqrt_approx_f(x);
}
STAND_IN float __expf(float x)
{
    return __nvvm_ex2_approx_f(x * 1.44269504f);
}
STAND_IN float __fdividef(float a, float b)
{
    return a / b;
}
STAND_IN int min(int a, int b)
{
    return a < b ? a : b;
}
STAND_IN int max(int a, int b)
{
    return a > b ? a : b;
}
template <typename T> STAND_IN T __ldg(const T* p)
{
    return *p;
}

// The mathematics library is not at hand, and not wanted: a declaration is enough for the front end.
extern "C" {
__device__ float expf(float);
__device__ float exp2f(float);
__device__ float logf(float);
__device__ float log2f(float);
__device__ float log1pf(float);
__device__ float sinf(float);
__device__ float cosf(float);
__device__ float tanhf(float);
__device__ float erff(float);
__device__ float erfcf(float);
__device__ float sqrtf(float);
__device__ float fabsf(float);
__device__ float floorf(float);
__device__ float ceilf(float);
__device__ float rintf(float);
__device__ float roundf(float);
__device__ float truncf(float);
__device__ float fmaxf(float, float);
__device__ float fminf(float, float);
__device__ float powf(float, float);
__device__ float fmaf(float, float, float);
__device__ double log(double);
}
#undef STAND_IN
