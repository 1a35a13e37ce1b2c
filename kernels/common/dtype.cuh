// dtype.cuh: storage types and their way to and from fp32, in which all arithmetic is done; 16-byte packs of them.
#pragma once
#include "common/device.cuh" // h16 and b16: half precision and bfloat16 as bits

DEVICE float to_float(float value)
{
    return value;
}

DEVICE float to_float(h16 value)
{
    return h2f(value);
}

DEVICE float to_float(b16 value)
{
    return b2f(value);
}

template <typename A, typename B> constexpr bool is_same = false;
template <typename A> constexpr bool is_same<A, A> = true;

// Rounds to nearest, ties to even; in half precision, what is 65520 or more becomes infinite.
template <typename T> DEVICE T from_float(float value)
{
    if constexpr (is_same<T, float>)
        return value;
    else if constexpr (is_same<T, h16>)
        return f2h(value);
    else
        return f2b(value);
}

DEVICE bool is_finite(float value)
{
    return fabsf(value) <= 3.402823466e38f;
}

// What one 16-byte access moves.
template <typename T> struct __align__(16) Pack
{
    static constexpr int count = 16 / sizeof(T);
    T v[count];
};

template <typename T> DEVICE Pack<T> load_pack(const T* from)
{
    union {
        uint4 bits;
        Pack<T> pack;
    } u;
    u.bits = *reinterpret_cast<const uint4*>(from);
    return u.pack;
}

template <typename T> DEVICE void store_pack(T* to, const Pack<T>& pack)
{
    union {
        Pack<T> pack;
        uint4 bits;
    } u = {pack};
    *reinterpret_cast<uint4*>(to) = u.bits;
}

DEVICE bool is_packed(const void* address)
{
    return reinterpret_cast<size_t>(address) % 16 == 0;
}

// Two values, rounded, as one register of a matrix fragment; the first in the low half.
template <typename T> DEVICE unsigned pack_pair(float low, float high)
{
    union {
        T half[2];
        unsigned bits;
    } u = {{from_float<T>(low), from_float<T>(high)}};
    return u.bits;
}

// The storage types of the products, and all: INSTANCE(suffix, type) exports one kernel.
#define FOR_EACH_HALF(INSTANCE) INSTANCE(f16, h16) INSTANCE(bf16, b16)
#define FOR_EACH_FLOAT(INSTANCE) INSTANCE(f32, float) FOR_EACH_HALF(INSTANCE)
