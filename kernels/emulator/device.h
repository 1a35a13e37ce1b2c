// device.h: the words of common/device.cuh for g++, so that it builds a kernel file unchanged for the emulated device.
// A kernel's thread is a fibre (block.cpp); it changes over only where it waits: at barriers and in what a warp does together.
#pragma once
// Before the CUDA words below, which would change the meaning of these headers.
#include <math.h>
#include <string.h>
#include <utility>

#include "emulator/thread.h"

#define __global__
#define __host__
#define __device__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

// Static shared memory: a copy for each thread of the machine that runs blocks, or, where the sanitizers are to see its bounds or the
// kernel is part of a program, plain statics in a section that is filled with NaN before each block.
#if defined(ATK_SHARED_PER_WORKER)
#define __shared__ static thread_local
#else
#define __shared__ static __attribute__((section("emulated_shared")))
extern "C" __attribute__((weak, visibility("hidden"))) char __start_emulated_shared[];
extern "C" __attribute__((weak, visibility("hidden"))) char __stop_emulated_shared[];
#endif

#define KERNEL extern "C" void
#define THREADS(n)
#define GRID_CONSTANT
#define DEVICE [[maybe_unused]] static inline
#define DEVICE_MEMBER inline
#define DEVICE_ONCE [[maybe_unused]] static
#define EXPORT(name) static const emulator::Registration register_##name{#name, &name, std::integral_constant<decltype(&name), &name>{}};
#define DYNAMIC_SHARED(T, name) T* name = reinterpret_cast<T*>(emulator::current->shared)

#define threadIdx (emulator::current->index)
#define blockIdx (emulator::current->block)
#define blockDim (emulator::current->launch->block)
#define gridDim (emulator::current->launch->grid)

namespace emulator
{
struct Registration {
    template <typename... A, void (*Function)(A...)>
    Registration(const char* name, void (*)(A...), std::integral_constant<void (*)(A...), Function>)
    {
        static const int sizes[] = {0, static_cast<int>(sizeof(A))...};
#if defined(ATK_SHARED_PER_WORKER)
        char *begin = nullptr, *end = nullptr;
#else
        char *begin = __start_emulated_shared, *end = __stop_emulated_shared;
#endif
        register_kernel({name,
                         [](void* const* a) { call<Function>(a, static_cast<void (*)(A...)>(nullptr), std::index_sequence_for<A...>{}); },
                         sizes + 1, sizeof...(A), begin, end});
    }

  private:
    template <auto Function, typename... A, size_t... I> static void call(void* const* a, void (*)(A...), std::index_sequence<I...>)
    {
        Function(*static_cast<std::remove_reference_t<A>*>(a[I])...);
    }
};

template <typename T> inline T shuffle(uint32_t mask, T value, unsigned lane, Place place)
{
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles carry one word of 32 bits, or two after each other");
    uint32_t words[sizeof(T) / 4];
    memcpy(words, &value, sizeof value);
    for (uint32_t& word : words) {
        current->in[0] = word;
        current->in[1] = lane;
        collect(Collective::Shuffle, mask, 0, place);
        word = current->out[0];
    }
    memcpy(&value, words, sizeof value);
    return value;
}

inline unsigned ballot(uint32_t mask, bool predicate, Place place)
{
    current->in[0] = predicate;
    collect(Collective::Ballot, mask, 0, place);
    return current->out[0];
}

template <int Matrices> inline void load_matrix(unsigned (&r)[Matrices], const void* row, bool transposed, Place place)
{
    memcpy(current->in, &row, sizeof row);
    collect(Collective::LoadMatrix, 0xffffffffu, transposed ? -Matrices : Matrices, place);
    memcpy(r, current->out, sizeof r);
}

inline void multiply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], bool bfloat, Place place)
{
    memcpy(current->in, a, sizeof a);
    memcpy(current->in + 4, b, sizeof b);
    memcpy(current->in + 6, d, sizeof d);
    collect(Collective::Multiply, 0xffffffffu, bfloat, place);
    memcpy(d, current->out, sizeof d);
}
} // namespace emulator

#define EMULATED [[maybe_unused]] static inline
#define CALLER emulator::Place place = emulator::Place::here()

struct float2 {
    alignas(8) float x;
    float y;
};
struct uint2 {
    alignas(8) unsigned x;
    unsigned y;
};
struct int2 {
    alignas(8) int x;
    int y;
};
struct float4 {
    alignas(16) float x;
    float y, z, w;
};
struct uint4 {
    alignas(16) unsigned x;
    unsigned y, z, w;
};
struct int4 {
    alignas(16) int x;
    int y, z, w;
};
EMULATED float2 make_float2(float x, float y)
{
    return {x, y};
}
EMULATED uint2 make_uint2(unsigned x, unsigned y)
{
    return {x, y};
}
EMULATED int2 make_int2(int x, int y)
{
    return {x, y};
}
EMULATED float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}
EMULATED uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return {x, y, z, w};
}
EMULATED int4 make_int4(int x, int y, int z, int w)
{
    return {x, y, z, w};
}

struct alignas(2) h16 {
    unsigned short u;
};
struct alignas(2) b16 {
    unsigned short u;
};

EMULATED unsigned __float_as_uint(float value)
{
    unsigned bits;
    memcpy(&bits, &value, 4);
    return bits;
}
EMULATED float __uint_as_float(unsigned bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

typedef short emulator_halves __attribute__((vector_size(16)));
typedef float emulator_floats __attribute__((vector_size(16)));
EMULATED float h2f(h16 value)
{
    return __builtin_ia32_vcvtph2ps(emulator_halves{static_cast<short>(value.u)})[0];
}
EMULATED h16 f2h(float value)
{
    return {static_cast<unsigned short>(__builtin_ia32_vcvtps2ph(emulator_floats{value}, 0)[0])};
}
EMULATED float b2f(b16 value)
{
    return __uint_as_float(static_cast<unsigned>(value.u) << 16);
}
EMULATED b16 f2b(float value)
{
    const unsigned bits = __float_as_uint(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return {0x7fff};
    return {static_cast<unsigned short>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

EMULATED void __syncthreads(CALLER)
{
    emulator::barrier(place);
}
EMULATED void __syncwarp(unsigned mask = 0xffffffffu, CALLER)
{
    emulator::collect(emulator::Collective::SyncWarp, mask, 0, place);
}
// The wait is the whole barrier: a block that arrives too early is not seen.
EMULATED void cluster_arrive() {}
EMULATED void cluster_arrive_relaxed() {}
EMULATED void cluster_wait(CALLER)
{
    emulator::cluster_barrier(place);
}
EMULATED unsigned cluster_rank()
{
    return emulator::current->rank;
}
EMULATED float cluster_read(const float* own, unsigned rank)
{
    const unsigned char* const from =
        emulator::current->cluster_shared[rank] + (reinterpret_cast<const unsigned char*>(own) - emulator::current->shared);
    return *reinterpret_cast<const float*>(from);
}
template <typename T> inline T __shfl_sync(unsigned mask, T value, int lane, CALLER)
{
    return emulator::shuffle(mask, value, static_cast<unsigned>(lane) % 32, place);
}
template <typename T> inline T __shfl_xor_sync(unsigned mask, T value, int lanes, CALLER)
{
    return emulator::shuffle(mask, value, emulator::current->lane ^ static_cast<unsigned>(lanes), place);
}
template <typename T> inline T __shfl_up_sync(unsigned mask, T value, unsigned lanes, CALLER)
{
    const unsigned lane = emulator::current->lane;
    return emulator::shuffle(mask, value, lane < lanes ? lane : lane - lanes, place);
}
template <typename T> inline T __shfl_down_sync(unsigned mask, T value, unsigned lanes, CALLER)
{
    const unsigned lane = emulator::current->lane;
    return emulator::shuffle(mask, value, lane + lanes > 31 ? lane : lane + lanes, place);
}
EMULATED unsigned __ballot_sync(unsigned mask, int predicate, CALLER)
{
    return emulator::ballot(mask, predicate != 0, place);
}
EMULATED int __any_sync(unsigned mask, int predicate, CALLER)
{
    return emulator::ballot(mask, predicate != 0, place) != 0;
}
EMULATED int __all_sync(unsigned mask, int predicate, CALLER)
{
    return emulator::ballot(mask, predicate == 0, place) == 0;
}
EMULATED void __threadfence()
{
#if !defined(__SANITIZE_THREAD__) // which knows no fences: there the atomics around it order alone
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

EMULATED int atomicAdd(int* p, int value)
{
    return __atomic_fetch_add(p, value, __ATOMIC_ACQ_REL);
}
EMULATED unsigned atomicAdd(unsigned* p, unsigned value)
{
    return __atomic_fetch_add(p, value, __ATOMIC_ACQ_REL);
}
EMULATED float atomicAdd(float* p, float value)
{
    unsigned* const bits = reinterpret_cast<unsigned*>(p);
    unsigned old = __atomic_load_n(bits, __ATOMIC_RELAXED);
    while (
        !__atomic_compare_exchange_n(bits, &old, __float_as_uint(__uint_as_float(old) + value), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return __uint_as_float(old);
}

EMULATED float rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}
EMULATED float __fdividef(float a, float b)
{
    return a / b;
}
EMULATED float exp2_approx(float x)
{
    return exp2f(x);
}
#define __expf(x) expf(x) // glibc declares a function of this name
EMULATED int min(int a, int b)
{
    return a < b ? a : b;
}
EMULATED int max(int a, int b)
{
    return a > b ? a : b;
}
template <typename T> inline T __ldg(const T* p)
{
    return *p;
}

EMULATED void cp_async16(void* shared, const void* global, bool valid, CALLER)
{
    emulator::copy_async(shared, global, 16, valid, place);
}
EMULATED void cp_async_commit()
{
    emulator::commit_copies();
}
template <int N> inline void cp_async_wait()
{
    emulator::wait_copies(N);
}
EMULATED void ldmatrix_x4(unsigned (&r)[4], const void* row, CALLER)
{
    emulator::load_matrix(r, row, false, place);
}
EMULATED void ldmatrix_x4_trans(unsigned (&r)[4], const void* row, CALLER)
{
    emulator::load_matrix(r, row, true, place);
}
EMULATED void ldmatrix_x2(unsigned (&r)[2], const void* row, CALLER)
{
    emulator::load_matrix(r, row, false, place);
}
EMULATED void ldmatrix_x2_trans(unsigned (&r)[2], const void* row, CALLER)
{
    emulator::load_matrix(r, row, true, place);
}
EMULATED void mma_m16n8k16_f16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], CALLER)
{
    emulator::multiply(d, a, b, false, place);
}
EMULATED void mma_m16n8k16_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], CALLER)
{
    emulator::multiply(d, a, b, true, place);
}
EMULATED void mma_m16n8k8_f16(float (&d)[4], const unsigned (&a)[2], unsigned b, CALLER)
{
    emulator::multiply(d, {a[0], a[1], 0, 0}, {b, 0}, false, place);
}
EMULATED void mma_m16n8k8_bf16(float (&d)[4], const unsigned (&a)[2], unsigned b, CALLER)
{
    emulator::multiply(d, {a[0], a[1], 0, 0}, {b, 0}, true, place);
}
struct SharedTile {
    const char* at;

    SharedTile operator+(int bytes) const { return {at + bytes}; }
};
EMULATED SharedTile shared_tile(const void* tile)
{
    return {static_cast<const char*>(tile)};
}
template <size_t Tiles> inline void wgmma(float (&d)[Tiles][4], SharedTile a, SharedTile b, h16, CALLER)
{
    emulator::warpgroup_product(&d[0][0], 8 * Tiles, a.at, b.at, false, place);
}
template <size_t Tiles> inline void wgmma(float (&d)[Tiles][4], SharedTile a, SharedTile b, b16, CALLER)
{
    emulator::warpgroup_product(&d[0][0], 8 * Tiles, a.at, b.at, true, place);
}
EMULATED void fence_shared_for_products()
{
    emulator::fence_for_products();
}
EMULATED void wgmma_fence() {}
EMULATED void wgmma_commit()
{
    emulator::commit_products();
}
template <int N> inline void wgmma_wait()
{
    emulator::wait_products(N);
}
#undef EMULATED
#undef CALLER
