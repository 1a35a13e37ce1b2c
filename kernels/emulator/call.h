// call.h: what every exported function does first: it is counted, may be told to fail, and fails once the device is lost. And the switches
// by which a test, or the environment, changes the device.
//
//   atkEmuSet(name, value)           devices, capability (80, 90, ...), driver (12040, ...), nvrtc, memory (bytes), execute (0: kernels are
//                                    counted and not run, memory is reserved and not touched, the host reads zeros), workers, order (0
//                                    random, 1 ascending, 2 descending), seed. Environment: AUDIOTOKEN_EMU_DEVICES and so on, read once.
//   atkEmuFault(call, nth, code)     lets the nth call from now on (1: the next) of that function fail with this CUresult (NVRTC's and
//                                    cuBLASLt's functions: a code of their own); nth 0: every call.
//                                    A call "kernel:NAME" is a launch of that kernel, which loses the device. Environment:
//                                    AUDIOTOKEN_EMU_FAULTS="cuMemAllocAsync:3=2,cuLaunchKernel:0=719".
//   atkEmuCount(what)                how often since the last reset: a function's name, kernel:NAME, kernels, products (cuBLASLt's),
//   graphs,
//                                    bytes.up, bytes.down, bytes.device, and what is held now: allocations, bytes, bytes.peak, handles,
//                                    pinned.
//   atkEmuCounts(text, bytes)        all counts, a line each, name and number; the bytes that it takes, which may be more than there were.
//   atkEmuReset()                    forgets counts, faults and the loss of the device; what is held stays.
#pragma once
#include <cstdint>
#include <string>

#define EXPORTED extern "C" __attribute__((visibility("default")))

enum CUresult : int {
    CUDA_SUCCESS = 0,
    CUDA_ERROR_INVALID_VALUE = 1,
    CUDA_ERROR_OUT_OF_MEMORY = 2,
    CUDA_ERROR_NOT_INITIALIZED = 3,
    CUDA_ERROR_NO_DEVICE = 100,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_INVALID_IMAGE = 200,
    CUDA_ERROR_INVALID_CONTEXT = 201,
    CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
    CUDA_ERROR_ECC_UNCORRECTABLE = 214,
    CUDA_ERROR_INVALID_HANDLE = 400,
    CUDA_ERROR_NOT_FOUND = 500,
    CUDA_ERROR_NOT_READY = 600,
    CUDA_ERROR_ILLEGAL_ADDRESS = 700,
    CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
    CUDA_ERROR_LAUNCH_TIMEOUT = 702,
    CUDA_ERROR_LAUNCH_FAILED = 719,
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
    CUDA_ERROR_INVALID_CLUSTER_SIZE = 912,
    CUDA_ERROR_UNKNOWN = 999,
};

namespace emulator
{
struct Settings {
    int64_t devices, capability, driver, nvrtc, memory, execute;
};
Settings& settings();
int shared_limit(); // bytes of shared memory that a block may ask for

// Which calls a lost device still answers.
enum class Needs { Nothing, Initialised, Context };

// CUDA_SUCCESS if the call may go on.
CUresult enter(const char* call, Needs needs = Needs::Context);
void initialise();
void set_context(bool present);
bool has_context();

void count(const std::string& what, int64_t by = 1);

// Loses the device: from now on every call fails with this code, whose text says why.
void lose(CUresult code, const std::string& why);
bool is_lost();
void find_again(); // after a reset of the context
CUresult injected(const std::string& call);
std::string explanation(CUresult code);

// A failure of this call alone, whose text says why.
CUresult refuse(CUresult code, const std::string& why);

// What is held, for tests of leaks.
struct Held {
    int64_t allocations = 0, bytes = 0, peak = 0, handles = 0, pinned = 0;
};
Held held();
void hold_bytes(int64_t allocations, int64_t bytes);
void hold_handle(int64_t by);
void hold_pinned(int64_t by);
} // namespace emulator

// Every exported function begins with one of these.
#define ENTER_FOR(needs)                                                                                                                   \
    if (const CUresult entered = emulator::enter(__func__, needs); entered != CUDA_SUCCESS) return entered
#define ENTER() ENTER_FOR(emulator::Needs::Context)
