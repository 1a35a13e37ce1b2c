// memory.h: device memory: what is fresh is NaN, canaries lie on both sides, and every address that comes from outside is looked up.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace emulator
{
// Zero if the device has not that much left.
uint64_t allocate(size_t bytes);
bool release(uint64_t address);
void release_all();

// Whether [address, address + bytes) lies in one allocation.
bool is_allocated(uint64_t address, size_t bytes);

// Empty, or which allocation's canaries were overwritten.
std::string damage();
} // namespace emulator
