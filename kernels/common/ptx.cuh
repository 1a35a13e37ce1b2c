// ptx.cuh: all inline PTX of the kernels, one instruction a function, for sm_80 and newer. The emulated device has the same functions in
// emulator/device.h; on a GPU these few lines are all that differs from what the tests ran.
// Source    PTX ISA 8.x: cvt, ex2, cp.async, ldmatrix, mma, wgmma, mapa, barrier.cluster.
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

#if defined(HAS_WARPGROUP_PRODUCTS)
// Makes what this thread has written to shared memory, by cp.async too, visible to wgmma. Before the barrier that wgmma comes after.
DEVICE void fence_shared_for_products()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Before the first product of a group: orders it after what the registers of its sums hold.
DEVICE void wgmma_fence()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

// Closes a group of products, which then run beside the warps.
DEVICE void wgmma_commit()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Waits until at most N groups, the youngest, are under way.
template <int N> DEVICE void wgmma_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

// Where a tile of rows of 128 bytes begins, swizzled over 1024 bytes: 16-byte chunk c of row r lies at chunk c ^ r % 8.
struct SharedTile {
    unsigned long long descriptor;

    // `bytes` further on, in the same shared memory: whole 1024 bytes, and columns of 16 elements by 32.
    DEVICE_MEMBER SharedTile operator+(int bytes) const { return {descriptor + (unsigned)(bytes >> 4)}; }
};

DEVICE SharedTile shared_tile(const void* tile)
{
    return {(unsigned long long)(shared_address(tile) >> 4 & 0x3fff) | 1ull << 16 | 64ull << 32 | 1ull << 62};
}

// d += a b by four warps: a is 64 x 16, the first 16 columns of rows at `a`; b is 16 x N, N rows of its columns
// at `b`. Warp w has the rows 16 w ... 16 w + 15; within it d[j] is as in mma.m16n8k16 for the columns 8 j ... 8 j + 7. Runs until the
// group's wait.
#define SUMS_4(j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])
#define SUMS_16(j) SUMS_4(j), SUMS_4(j + 1), SUMS_4(j + 2), SUMS_4(j + 3)
#define SUMS_32 SUMS_16(0), SUMS_16(4)
#define SUMS_40 SUMS_32, SUMS_4(8), SUMS_4(9)
#define SUMS_64 SUMS_32, SUMS_16(8), SUMS_16(12)
#define SUMS_80 SUMS_64, SUMS_16(16)
#define PLACES_32                                                                                                                          \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"                                                                               \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define PLACES_40                                                                                                                          \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"                                                                               \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"                                                                     \
    "%32,%33,%34,%35,%36,%37,%38,%39"
#define PLACES_64                                                                                                                          \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"                                                                               \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"                                                                     \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"                                                                     \
    "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define PLACES_80                                                                                                                          \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"                                                                               \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"                                                                     \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"                                                                     \
    "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,"                                                                     \
    "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79"
#define WARPGROUP_PRODUCT(columns, count, a_place, b_place, type, T)                                                                       \
    DEVICE void wgmma(float(&d)[columns / 8][4], SharedTile a, SharedTile b, T)                                                            \
    {                                                                                                                                      \
        asm volatile("{ .reg .pred p; setp.eq.u32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." type "." type            \
                     " {" PLACES_##count "}, " a_place ", " b_place ", p, 1, 1, 0, 0; }"                                                   \
                     : SUMS_##count                                                                                                        \
                     : "l"(a.descriptor), "l"(b.descriptor));                                                                              \
    }
#define WARPGROUP_PRODUCTS(columns, count, a_place, b_place)                                                                               \
    WARPGROUP_PRODUCT(columns, count, a_place, b_place, "f16", h16)                                                                        \
    WARPGROUP_PRODUCT(columns, count, a_place, b_place, "bf16", b16)
WARPGROUP_PRODUCTS(64, 32, "%32", "%33")
WARPGROUP_PRODUCTS(80, 40, "%40", "%41")
WARPGROUP_PRODUCTS(128, 64, "%64", "%65")
WARPGROUP_PRODUCTS(160, 80, "%80", "%81")
#endif

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
