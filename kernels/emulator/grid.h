// grid.h: runs a kernel over a grid, and says how: worker threads and the order of a block's threads.
#pragma once
#include "emulator/block.h"

namespace emulator
{
// AUDIOTOKEN_EMU_WORKERS (1), AUDIOTOKEN_EMU_ORDER (random, ascending, descending) and AUDIOTOKEN_EMU_SEED (1), or what was set since.
struct Schedule {
    int workers;
    Order order;
    uint64_t seed;
};
EMULATOR_API Schedule& schedule();

// Where each worker's copy of a loaded module's static shared memory lies: the module's thread-local block.
struct ThreadLocalBlock {
    size_t module = 0, bytes = 0;
};

// Empty, or what went wrong in the first block that failed.
EMULATOR_API std::string run_grid(const Kernel& kernel, ThreadLocalBlock shared, const Launch& launch, void* const* arguments);

// The kernels of the program itself, and of modules while they are being loaded.
EMULATOR_API std::vector<Kernel>& registered_kernels();
} // namespace emulator
