#include "emulator/grid.h"

#include "emulator/sanitizers.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>

extern "C" void* __tls_get_addr(void*);

namespace emulator
{
namespace
{
std::string environment(const char* name, const char* otherwise)
{
    const char* const value = std::getenv(name);
    return value != nullptr ? value : otherwise;
}
} // namespace

Schedule& schedule()
{
    static Schedule schedule = [] {
        const std::string order = environment("AUDIOTOKEN_EMU_ORDER", "random");
        return Schedule{std::max(1, std::atoi(environment("AUDIOTOKEN_EMU_WORKERS", "1").c_str())),
                        order == "ascending"    ? Order::Ascending
                        : order == "descending" ? Order::Descending
                                                : Order::Random,
                        std::strtoull(environment("AUDIOTOKEN_EMU_SEED", "1").c_str(), nullptr, 10)};
    }();
    return schedule;
}

std::vector<Kernel>& registered_kernels()
{
    static std::vector<Kernel> kernels;
    return kernels;
}

void register_kernel(const Kernel& kernel)
{
    registered_kernels().push_back(kernel);
}

std::string run_grid(const Kernel& kernel, ThreadLocalBlock shared, const Launch& launch, void* const* arguments)
{
    const uint64_t blocks = static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
    std::atomic<uint64_t> following{0};
    std::mutex guard;
    std::string failure;
    const auto work = [&] {
        thread_local Block block; // kept for its stacks
        for (uint64_t i; (i = following++) < blocks;) {
            if (shared.bytes > 0) {
                size_t index[2] = {shared.module, 0};
                std::memset(__tls_get_addr(index), 0xFF, shared.bytes); // NaN, as dynamic shared memory
            }
            const uint3 at = {static_cast<unsigned>(i % launch.grid.x), static_cast<unsigned>(i / launch.grid.x % launch.grid.y),
                              static_cast<unsigned>(i / launch.grid.x / launch.grid.y)};
            const std::string text = block.run(kernel, arguments, launch, at, schedule().order, schedule().seed + i);
            if (text.empty()) continue;
            following = blocks;
            const std::lock_guard<std::mutex> lock(guard);
            if (failure.empty()) failure = text;
        }
    };

    // One copy of the shared memory is one block at a time.
    const bool alone = kernel.shared_begin < kernel.shared_end || SanitizedAddresses;
    const auto workers = static_cast<size_t>(alone ? 1 : std::min<uint64_t>(static_cast<uint64_t>(schedule().workers), blocks));
    std::vector<std::thread> others;
    for (size_t i = 1; i < workers; i++)
        others.emplace_back(work);
    work();
    for (std::thread& other : others)
        other.join();
    return failure;
}
} // namespace emulator
