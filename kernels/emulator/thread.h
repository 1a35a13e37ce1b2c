// thread.h: what a kernel's code and the emulated device's scheduler share about one CUDA thread. Kernels are compiled against it as g++
// reads them, possibly long after the device itself was built, so it holds plain data and functions without templates.
#pragma once
#include <cstddef>
#include <cstdint>

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};

namespace emulator
{
// A line of a kernel. As a default argument it is the caller's.
struct Place {
    const char* file;
    int line;
    static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
};

// Words a lane hands to its warp, and takes back: mma hands in four of a, two of b, four of d.
constexpr int WordsIn = 10, WordsOut = 4;

struct Launch {
    dim3 grid, block;
    size_t shared_bytes;
    unsigned cluster = 1; // blocks, neighbours along x, that run together
};

struct Thread {
    uint3 index;
    uint3 block;
    const Launch* launch;
    unsigned char* shared; // the block's dynamic shared memory
    unsigned lane;
    unsigned rank;                        // of the block in its cluster
    unsigned char* const* cluster_shared; // dynamic shared memory of each of the cluster's blocks
    uint32_t in[WordsIn], out[WordsOut];
};

// What all lanes of a mask do together once the last of them has come; each then goes on with its `out`.
enum class Collective { None, Barrier, ClusterBarrier, SyncWarp, Shuffle, Ballot, LoadMatrix, Multiply };

#define EMULATOR_API __attribute__((visibility("default")))

EMULATOR_API extern __attribute__((tls_model("initial-exec"))) thread_local Thread* current;

EMULATOR_API void barrier(Place place);
EMULATOR_API void cluster_barrier(Place place);

// Waits for the mask's lanes. `argument` is the operation's own: the matrices of a load, the type of a product.
EMULATOR_API void collect(Collective operation, uint32_t mask, int argument, Place place);

EMULATOR_API void copy_async(void* shared, const void* global, size_t bytes, bool valid, Place place);
EMULATOR_API void commit_copies();
EMULATOR_API void wait_copies(size_t groups);

// A thread's share of a warpgroup's product: d[columns / 8][4] += a b. It is computed when its group is closed or when it is
// waited for, by chance: a GPU may do either.
EMULATOR_API void warpgroup_product(float* d, int columns, const void* a, const void* b, bool bfloat, Place place);
EMULATOR_API void commit_products();
EMULATOR_API void wait_products(size_t groups);
EMULATOR_API void fence_for_products();

// A kernel's name, how it is called with an array of pointers to its arguments, and the arguments' sizes. The section, which may be empty,
// holds the static shared memory of the file that the kernel is in.
struct Kernel {
    const char* name;
    void (*call)(void* const* arguments);
    const int* sizes;
    int count;
    char *shared_begin, *shared_end;
};
EMULATOR_API void register_kernel(const Kernel& kernel);
} // namespace emulator
