// launch.h: runs a kernel that is linked into the program, by its name, on the emulated device. Memory is the host's.
//   emulator::launch("group_norm_f32", {groups, samples}, {64}, 0, y, x, ...)
// Threads take their turns in random order unless order() says otherwise.
#pragma once
#include "emulator/grid.h"

#include <stdexcept>
#include <string>

#include "common/dtype.cuh" // after the headers of the standard library, which know other meanings of CUDA's words

namespace emulator
{
// How the threads of a block take their turns from now on.
inline void order(Order order, uint64_t seed)
{
    schedule().order = order;
    schedule().seed = seed;
}

// In clusters of so many blocks.
// Throws std::runtime_error if there is no such kernel, if an argument has another size than its parameter, or if threads diverge.
template <typename... A>
void launch_clusters(unsigned cluster, const std::string& name, dim3 grid, dim3 block, size_t shared_bytes, A... arguments)
{
    for (const Kernel& kernel : registered_kernels()) {
        if (name != kernel.name) continue;
        const int sizes[] = {static_cast<int>(sizeof arguments)...};
        if (sizeof...(A) != static_cast<size_t>(kernel.count))
            throw std::runtime_error(name + " has " + std::to_string(kernel.count) + " parameters, not " + std::to_string(sizeof...(A)));
        for (int i = 0; i < kernel.count; i++)
            if (sizes[i] != kernel.sizes[i])
                throw std::runtime_error("parameter " + std::to_string(i) + " of " + name + " has " + std::to_string(kernel.sizes[i]) +
                                         " bytes, the argument " + std::to_string(sizes[i]));
        void* const pointers[] = {const_cast<void*>(static_cast<const void*>(&arguments))...};
        const std::string failure = run_grid(kernel, {}, {grid, block, shared_bytes, cluster}, pointers);
        if (!failure.empty()) throw std::runtime_error(failure);
        return;
    }
    throw std::runtime_error("no kernel '" + name + "' is linked into this program");
}

template <typename... A> void launch(const std::string& name, dim3 grid, dim3 block, size_t shared_bytes, A... arguments)
{
    launch_clusters(1, name, grid, block, shared_bytes, arguments...);
}
} // namespace emulator
