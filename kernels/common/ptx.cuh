// ptx.cuh: all inline PTX of the kernels, one instruction a function, for sm_80 and newer. The emulated device has the same functions in
// emulator/device.h; on a GPU these few lines are all that differs from what the tests ran.
// Source    PTX ISA 8.x: cvt, ex2, cp.async, ldmatrix, mma, mapa, barrier.cluster.
#pragma once

struct __align__(2) h16
{
    unsigned short u; // IEEE 754 binary16
};

struct __align__(2) b16
{
    unsigned short u; // the upper half of a binary32
};

DEVICE float h2f(h16 value)
{
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.u));
    return result;
}

// To nearest, ties to even; what is 65520 or more becomes infinite.
DEVICE h16 f2h(float value)
{
    h16 result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.u) : "f"(value));
    return result;
}

DEVICE float b2f(b16 value)
{
    return __uint_as_float((unsigned)value.u << 16);
}

// To nearest, ties to even.
DEVICE b16 f2b(float value)
{
    b16 result;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.u) : "f"(value));
    return result;
}

// Not in PTX: so the compiler sees the address and puts what is constant of it into the instruction that uses it.
DEVICE unsigned shared_address(const void* pointer)
{
    return (unsigned)__cvta_generic_to_shared(pointer);
}

// 2^x within 2 units in the last place; what is subnormal is zero.
DEVICE float exp2_approx(float x)
{
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

// 16 bytes from global to shared memory, both at multiples of 16; zeros where not `valid`, and then nothing is read.
DEVICE void cp_async16(void* shared, const void* global, bool valid)
{
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(bytes) : "memory");
}

// Closes a group: this thread's copies since the last one.
DEVICE void cp_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until at most N of this thread's groups, the youngest, are under way.
template <int N> DEVICE void cp_async_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// Four 8 x 8 matrices of 16-bit elements; lane l gives the address of row l % 8 of matrix l / 8, and gets of each matrix the two
// neighbours at row l / 4, columns 2 (l % 4) and the next; or, transposed, of the matrix with rows and columns exchanged.
DEVICE void ldmatrix_x4(unsigned (&r)[4], const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

DEVICE void ldmatrix_x4_trans(unsigned (&r)[4], const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// Two matrices; lanes 0 to 15 give the addresses, those of the others must be valid too.
DEVICE void ldmatrix_x2(unsigned (&r)[2], const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(row)) : "memory");
}

DEVICE void ldmatrix_x2_trans(unsigned (&r)[2], const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(row))
                 : "memory");
}

// d += a b: a is 16 x 16, b 16 x 8, d 16 x 8 in fp32. Lane l has rows g = l / 4 and g + 8 and columns c = 2 (l % 4) and c + 1:
// a[0] = (g, c), a[1] = (g + 8, c), a[2] = (g, c + 8), a[3] = (g + 8, c + 8); b[0] = rows c, c + 1 of column g, b[1] = rows c + 8, c + 9;
// d[0], d[1] = (g, c), (g, c + 1), d[2], d[3] = the same of row g + 8.
DEVICE void mma_m16n8k16_f16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

DEVICE void mma_m16n8k16_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The same over 8 terms: a is 16 x 8, the first half of the a above, and b 8 x 8.
DEVICE void mma_m16n8k8_f16(float (&d)[4], const unsigned (&a)[2], unsigned b)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b));
}

DEVICE void mma_m16n8k8_bf16(float (&d)[4], const unsigned (&a)[2], unsigned b)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b));
}

// Blocks of a cluster run at the same time and read each other's shared memory; sm_90 is the first to have them, before it every block is a
// cluster of its own.
DEVICE unsigned cluster_rank()
{
    unsigned result = 0;
#if __CUDA_ARCH__ >= 900
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(result));
#endif
    return result;
}

// A barrier for all threads of the cluster, in two halves: what was written before the first is seen after the second.
DEVICE void cluster_arrive()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}

// The first half where nothing was written for the others.
DEVICE void cluster_arrive_relaxed()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
}

DEVICE void cluster_wait()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#else
    __syncthreads();
#endif
}

// What a block of the cluster has at the place of its dynamic shared memory that `own` is of this block's.
DEVICE float cluster_read(const float* own, unsigned rank)
{
#if __CUDA_ARCH__ >= 900
    float result;
    asm volatile("{ .reg .u32 t; mapa.shared::cluster.u32 t, %1, %2; ld.shared::cluster.f32 %0, [t]; }"
                 : "=f"(result)
                 : "r"(shared_address(own)), "r"(rank)
                 : "memory");
    return result;
#else
    return *own;
#endif
}
