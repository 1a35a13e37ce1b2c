#include "emulator/memory.h"

#include "emulator/call.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <sys/mman.h>

namespace emulator
{
namespace
{
constexpr size_t Canary = 256; // bytes on each side; an allocation starts at a multiple of 256, as CUDA's do

struct Allocation {
    size_t bytes;
    unsigned char* raw;
    bool reserved; // address space only, never touched
};

std::mutex guard;
std::map<uint64_t, Allocation>& allocations()
{
    static auto* const map = new std::map<uint64_t, Allocation>;
    return *map;
}

void give_back(const Allocation& a)
{
    if (a.reserved)
        munmap(a.raw, a.bytes + 2 * Canary);
    else
        std::free(a.raw);
    hold_bytes(-1, -static_cast<int64_t>(a.bytes));
}

bool intact(const unsigned char* canary)
{
    static const std::array<unsigned char, Canary> whole = [] {
        std::array<unsigned char, Canary> bytes;
        bytes.fill(0xFF);
        return bytes;
    }();
    return std::memcmp(canary, whole.data(), Canary) == 0;
}
} // namespace

uint64_t allocate(size_t bytes)
{
    if (held().bytes + static_cast<int64_t>(bytes) > settings().memory) return 0;
    void* raw = nullptr;
    const bool reserved = settings().execute == 0;
    if (reserved) {
        raw = mmap(nullptr, bytes + 2 * Canary, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (raw == MAP_FAILED) return 0;
    } else {
        if (posix_memalign(&raw, Canary, bytes + 2 * Canary) != 0) return 0;
        std::memset(raw, 0xFF, bytes + 2 * Canary);
    }
    const uint64_t address = reinterpret_cast<uint64_t>(raw) + Canary;
    const std::lock_guard<std::mutex> lock(guard);
    allocations()[address] = {bytes, static_cast<unsigned char*>(raw), reserved};
    hold_bytes(1, static_cast<int64_t>(bytes));
    return address;
}

bool release(uint64_t address)
{
    const std::lock_guard<std::mutex> lock(guard);
    const auto found = allocations().find(address);
    if (found == allocations().end()) return false;
    give_back(found->second);
    allocations().erase(found);
    return true;
}

void release_all()
{
    const std::lock_guard<std::mutex> lock(guard);
    for (const auto& [address, allocation] : allocations())
        give_back(allocation);
    allocations().clear();
}

bool is_allocated(uint64_t address, size_t bytes)
{
    const std::lock_guard<std::mutex> lock(guard);
    auto after = allocations().upper_bound(address);
    if (after == allocations().begin()) return false;
    const auto& [start, allocation] = *--after;
    return address - start <= allocation.bytes && bytes <= allocation.bytes - (address - start);
}

std::string damage()
{
    const std::lock_guard<std::mutex> lock(guard);
    for (const auto& [address, a] : allocations()) {
        if (a.reserved) continue;
        const bool before = !intact(a.raw);
        if (before || !intact(a.raw + Canary + a.bytes))
            return std::string("wrote ") + (before ? "before" : "past the end of") + " an allocation of " + std::to_string(a.bytes) +
                   " bytes";
    }
    return "";
}
} // namespace emulator
