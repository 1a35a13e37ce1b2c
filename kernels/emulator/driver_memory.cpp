// driver_memory.cpp: libcuda's memory: allocations, pools, pinned memory, copies. Addresses from outside are looked up.
#include "emulator/memory.h"
#include "emulator/stream.h"

#include <cstdlib>
#include <cstring>

using namespace emulator;

static CUresult allocate_into(uint64_t* address, size_t bytes)
{
    if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    *address = allocate(bytes);
    return *address != 0 ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult copy(const char* kind, void* to, const void* from, size_t bytes, void* stream)
{
    return submit(stream, [=] {
        count(kind, static_cast<int64_t>(bytes));
        if (settings().execute != 0) std::memmove(to, from, bytes);
    });
}

static void* at(uint64_t address)
{
    return reinterpret_cast<void*>(address);
}

EXPORTED int cuMemGetInfo_v2(size_t* free, size_t* total)
{
    ENTER();
    *total = static_cast<size_t>(settings().memory);
    *free = static_cast<size_t>(settings().memory - held().bytes);
    return CUDA_SUCCESS;
}

EXPORTED int cuMemAlloc_v2(uint64_t* address, size_t bytes)
{
    ENTER();
    return allocate_into(address, bytes);
}

EXPORTED int cuMemFree_v2(uint64_t address)
{
    ENTER();
    return release(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EXPORTED int cuMemAllocAsync(uint64_t* address, size_t bytes, void* stream)
{
    ENTER();
    return is_captured(stream) ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : allocate_into(address, bytes);
}

EXPORTED int cuMemFreeAsync(uint64_t address, void* stream)
{
    ENTER();
    if (is_captured(stream)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    return release(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EXPORTED int cuDeviceGetDefaultMemPool(void** pool, int)
{
    ENTER_FOR(Needs::Initialised);
    *pool = reinterpret_cast<void*>(1);
    return CUDA_SUCCESS;
}

EXPORTED int cuMemPoolSetAttribute(void*, int, void*)
{
    ENTER();
    return CUDA_SUCCESS;
}

EXPORTED int cuMemPoolTrimTo(void*, size_t)
{
    ENTER();
    return CUDA_SUCCESS;
}

EXPORTED int cuMemHostAlloc(void** memory, size_t bytes, unsigned)
{
    ENTER();
    if (posix_memalign(memory, 4096, bytes) != 0) return CUDA_ERROR_OUT_OF_MEMORY;
    hold_pinned(1);
    return CUDA_SUCCESS;
}

EXPORTED int cuMemFreeHost(void* memory)
{
    ENTER();
    std::free(memory);
    hold_pinned(-1);
    return CUDA_SUCCESS;
}

EXPORTED int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* stream)
{
    ENTER();
    return is_allocated(to, bytes) ? copy("bytes.up", at(to), from, bytes, stream) : CUDA_ERROR_INVALID_VALUE;
}

EXPORTED int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream)
{
    ENTER();
    if (!is_allocated(from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (settings().execute == 0) std::memset(to, 0, bytes); // nothing was computed: what the host reads is the same each time
    return copy("bytes.down", to, at(from), bytes, stream);
}

EXPORTED int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void* stream)
{
    ENTER();
    if (!is_allocated(to, bytes) || !is_allocated(from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    return copy("bytes.device", at(to), at(from), bytes, stream);
}

EXPORTED int cuMemsetD8Async(uint64_t to, unsigned char value, size_t count, void* stream)
{
    ENTER();
    if (!is_allocated(to, count)) return CUDA_ERROR_INVALID_VALUE;
    return submit(stream, [=] {
        if (settings().execute != 0) std::memset(at(to), value, count);
    });
}

EXPORTED int cuMemsetD32Async(uint64_t to, unsigned value, size_t count, void* stream)
{
    ENTER();
    if (!is_allocated(to, count * 4)) return CUDA_ERROR_INVALID_VALUE;
    return submit(stream, [=] {
        if (settings().execute == 0) return;
        for (size_t i = 0; i < count; i++)
            std::memcpy(static_cast<char*>(at(to)) + 4 * i, &value, 4);
    });
}
