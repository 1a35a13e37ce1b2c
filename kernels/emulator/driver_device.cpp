// driver_device.cpp: libcuda's functions of start, device, context and errors.
#include "emulator/call.h"
#include "emulator/memory.h"

#include <atomic>
#include <cstdio>
#include <cstring>

using namespace emulator;

namespace
{
std::atomic<int> holders{0}; // of the primary context

void start_anew()
{
    release_all();
    find_again();
}
} // namespace

EXPORTED int cuInit(unsigned)
{
    ENTER_FOR(Needs::Nothing);
    if (settings().devices == 0) return CUDA_ERROR_NO_DEVICE;
    initialise();
    return CUDA_SUCCESS;
}

EXPORTED int cuDriverGetVersion(int* version)
{
    ENTER_FOR(Needs::Nothing);
    *version = static_cast<int>(settings().driver);
    return CUDA_SUCCESS;
}

EXPORTED int cuDeviceGetCount(int* count)
{
    ENTER_FOR(Needs::Initialised);
    *count = static_cast<int>(settings().devices);
    return CUDA_SUCCESS;
}

EXPORTED int cuDeviceGet(int* device, int ordinal)
{
    ENTER_FOR(Needs::Initialised);
    if (ordinal < 0 || ordinal >= settings().devices) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

EXPORTED int cuDeviceGetName(char* name, int length, int)
{
    ENTER_FOR(Needs::Initialised);
    std::snprintf(name, static_cast<size_t>(length), "Emulated device");
    return CUDA_SUCCESS;
}

EXPORTED int cuDeviceGetAttribute(int* value, int attribute, int)
{
    ENTER_FOR(Needs::Initialised);
    switch (attribute) {
    case 1: // MAX_THREADS_PER_BLOCK
        *value = 1024;
        break;
    case 8: // MAX_SHARED_MEMORY_PER_BLOCK
        *value = 48 << 10;
        break;
    case 10: // WARP_SIZE
        *value = 32;
        break;
    case 16: // MULTIPROCESSOR_COUNT
        *value = 4;
        break;
    case 38: // L2_CACHE_SIZE
        *value = 1 << 20;
        break;
    case 75: // COMPUTE_CAPABILITY_MAJOR
        *value = static_cast<int>(settings().capability / 10);
        break;
    case 76: // COMPUTE_CAPABILITY_MINOR
        *value = static_cast<int>(settings().capability % 10);
        break;
    case 97: // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        *value = shared_limit();
        break;
    case 115: // MEMORY_POOLS_SUPPORTED
        *value = 1;
        break;
    default:
        *value = 0;
    }
    return CUDA_SUCCESS;
}

EXPORTED int cuDeviceTotalMem_v2(size_t* bytes, int)
{
    ENTER_FOR(Needs::Initialised);
    *bytes = static_cast<size_t>(settings().memory);
    return CUDA_SUCCESS;
}

EXPORTED int cuDevicePrimaryCtxRetain(void** context, int device)
{
    ENTER_FOR(Needs::Initialised);
    if (device < 0 || device >= settings().devices) return CUDA_ERROR_INVALID_DEVICE;
    *context = reinterpret_cast<void*>(static_cast<uintptr_t>(0x1000 + device));
    holders++;
    return CUDA_SUCCESS;
}

// The last one's destroys the context, and with it a loss. Of a context that is well, leaks stay for tests to see.
EXPORTED int cuDevicePrimaryCtxRelease_v2(int)
{
    ENTER_FOR(Needs::Initialised);
    if (holders > 0 && --holders == 0 && is_lost()) start_anew();
    return CUDA_SUCCESS;
}

EXPORTED int cuDevicePrimaryCtxReset_v2(int)
{
    ENTER_FOR(Needs::Initialised);
    holders = 0; // whoever had it has nothing of use
    start_anew();
    return CUDA_SUCCESS;
}

EXPORTED int cuCtxSetCurrent(void* context)
{
    ENTER_FOR(Needs::Initialised);
    set_context(context != nullptr);
    return CUDA_SUCCESS;
}

EXPORTED int cuCtxSynchronize()
{
    ENTER();
    return CUDA_SUCCESS;
}

static const char* name_of(int code)
{
    switch (code) {
    case CUDA_SUCCESS:
        return "CUDA_SUCCESS";
    case CUDA_ERROR_INVALID_VALUE:
        return "CUDA_ERROR_INVALID_VALUE";
    case CUDA_ERROR_OUT_OF_MEMORY:
        return "CUDA_ERROR_OUT_OF_MEMORY";
    case CUDA_ERROR_NOT_INITIALIZED:
        return "CUDA_ERROR_NOT_INITIALIZED";
    case CUDA_ERROR_NO_DEVICE:
        return "CUDA_ERROR_NO_DEVICE";
    case CUDA_ERROR_INVALID_DEVICE:
        return "CUDA_ERROR_INVALID_DEVICE";
    case CUDA_ERROR_INVALID_IMAGE:
        return "CUDA_ERROR_INVALID_IMAGE";
    case CUDA_ERROR_INVALID_CONTEXT:
        return "CUDA_ERROR_INVALID_CONTEXT";
    case CUDA_ERROR_NO_BINARY_FOR_GPU:
        return "CUDA_ERROR_NO_BINARY_FOR_GPU";
    case CUDA_ERROR_ECC_UNCORRECTABLE:
        return "CUDA_ERROR_ECC_UNCORRECTABLE";
    case CUDA_ERROR_INVALID_HANDLE:
        return "CUDA_ERROR_INVALID_HANDLE";
    case CUDA_ERROR_NOT_FOUND:
        return "CUDA_ERROR_NOT_FOUND";
    case CUDA_ERROR_NOT_READY:
        return "CUDA_ERROR_NOT_READY";
    case CUDA_ERROR_ILLEGAL_ADDRESS:
        return "CUDA_ERROR_ILLEGAL_ADDRESS";
    case CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES:
        return "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES";
    case CUDA_ERROR_LAUNCH_TIMEOUT:
        return "CUDA_ERROR_LAUNCH_TIMEOUT";
    case CUDA_ERROR_LAUNCH_FAILED:
        return "CUDA_ERROR_LAUNCH_FAILED";
    case CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED:
        return "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED";
    case CUDA_ERROR_INVALID_CLUSTER_SIZE:
        return "CUDA_ERROR_INVALID_CLUSTER_SIZE";
    default:
        return "CUDA_ERROR_UNKNOWN";
    }
}

EXPORTED int cuGetErrorName(int code, const char** name)
{
    *name = name_of(code);
    return CUDA_SUCCESS;
}

// The text of the error that lost the device says what the emulation saw.
EXPORTED int cuGetErrorString(int code, const char** text)
{
    thread_local std::string kept;
    const std::string why = explanation(static_cast<CUresult>(code));
    kept = why.empty() ? name_of(code) : why;
    *text = kept.c_str();
    return CUDA_SUCCESS;
}
