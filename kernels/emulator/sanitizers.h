// sanitizers.h: which sanitizer the device is built for. Under ThreadSanitizer it is told of the kernels' meetings and of the copies that
// the device makes for them, but not instrumented itself: its own bookkeeping is no part of what the kernels do.
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(ATK_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
extern "C" void __tsan_read_range(void* address, unsigned long size);
extern "C" void __tsan_write_range(void* address, unsigned long size);
#endif

namespace emulator
{
#if defined(__SANITIZE_ADDRESS__)
constexpr bool SanitizedAddresses = true;
#else
constexpr bool SanitizedAddresses = false;
#endif

inline void race_release([[maybe_unused]] void* token)
{
#if defined(ATK_THREAD_SANITIZER)
    __tsan_release(token);
#endif
}

inline void race_acquire([[maybe_unused]] void* token)
{
#if defined(ATK_THREAD_SANITIZER)
    __tsan_acquire(token);
#endif
}

// The kernel's thread reads or writes this memory, through the device.
inline void kernel_reads([[maybe_unused]] const void* from, [[maybe_unused]] size_t bytes)
{
#if defined(ATK_THREAD_SANITIZER)
    __tsan_read_range(const_cast<void*>(from), bytes);
#endif
}

inline void kernel_writes([[maybe_unused]] void* to, [[maybe_unused]] size_t bytes)
{
#if defined(ATK_THREAD_SANITIZER)
    __tsan_write_range(to, bytes);
#endif
}
} // namespace emulator
