// device.cuh: the words a kernel file is written in, for three compilers: NVRTC on a user's machine, clang as a check of the front end, and
// g++ for the emulated device. No toolkit header is wanted by any of them.
//
//   KERNEL name(const float* x, int count) { ... }   one kernel; parameters by value: numbers, pointers, plain structs
//   EXPORT(name)                                     after it: makes its name known to the emulated device, nothing elsewhere
//   THREADS(n)                                       after KERNEL: the most threads of a block, that is registers for each
//   GRID_CONSTANT                                    before a parameter that is a struct: an index into it does not make a copy of it
//   DEVICE, DEVICE_MEMBER                            before a function, and a member function, that kernels call
//   DEVICE_ONCE                                      before a function that is called, not copied to its callers: a rare and long one
//   DYNAMIC_SHARED(T, name)                          T* name: the launch's dynamic shared memory, at a multiple of 1024 bytes
//   __shared__, __constant__, __syncthreads(), __syncwarp(), __shfl_*_sync, __ballot_sync, atomicAdd, __expf, rsqrtf, ...   as in CUDA
//   h16, b16, h2f, f2h, b2f, f2b                     half precision and bfloat16 as bits, and their way to and from float
//   exp2_approx                                       2^x, roughly
//   cp_async16, cp_async_commit, cp_async_wait<N>    copies into shared memory that run beside the arithmetic
//   ldmatrix_x4, ldmatrix_x4_trans, ldmatrix_x2, ldmatrix_x2_trans, mma_m16n8k16_f16, mma_m16n8k16_bf16      tensor cores, by whole warps
//   wgmma, shared_tile, wgmma_fence, wgmma_commit, wgmma_wait<N>, fence_shared_for_products     tensor cores by four warps and straight
//                                                    from shared memory, where HAS_WARPGROUP_PRODUCTS is defined: on sm_90a
//   cluster_rank, cluster_arrive, cluster_arrive_relaxed, cluster_wait, cluster_read    blocks that run together (sm_90; before it, each is
//   alone)
//
// What is inline PTX stands in ptx.cuh and is declared in the same way by emulator/device.h.
#pragma once

#if defined(ATK_EMULATED) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HAS_WARPGROUP_PRODUCTS
#endif

#if defined(ATK_EMULATED)
#include "emulator/device.h"
#else
#if defined(__clang__) && !defined(__CUDACC_RTC__)
#include "common/clang.cuh" // what NVRTC knows without being told
#endif
#define KERNEL extern "C" __global__ void
#define THREADS(n) __launch_bounds__(n)
#if defined(__CUDACC_RTC__)
#define GRID_CONSTANT __grid_constant__
#else
#define GRID_CONSTANT
#endif
#define EXPORT(name)
#define DEVICE static __device__ __forceinline__
#define DEVICE_MEMBER __device__ __forceinline__
#define DEVICE_ONCE static __device__ __noinline__
#define DYNAMIC_SHARED(T, name)                                                                                                            \
    extern __shared__ __align__(1024) unsigned char dynamic_shared_memory[];                                                               \
    T* name = reinterpret_cast<T*>(dynamic_shared_memory)
#include "common/ptx.cuh"
#endif
