// driver_stream.cpp: libcuda's streams, events and graphs.
#include "emulator/stream.h"

#include <chrono>

using namespace emulator;
using Clock = std::chrono::steady_clock;

namespace
{
struct Event {
    Clock::time_point time;
};
} // namespace

CUresult emulator::submit(void* stream, Action action)
{
    if (is_captured(stream))
        static_cast<Stream*>(stream)->capture->push_back(std::move(action));
    else
        action();
    return CUDA_SUCCESS;
}

bool emulator::is_captured(const void* stream)
{
    return stream != nullptr && static_cast<const Stream*>(stream)->capture != nullptr;
}

EXPORTED int cuStreamCreate(void** stream, unsigned)
{
    ENTER();
    *stream = new Stream;
    hold_handle(1);
    return CUDA_SUCCESS;
}

EXPORTED int cuStreamDestroy_v2(void* stream)
{
    ENTER();
    delete static_cast<Stream*>(stream);
    hold_handle(-1);
    return CUDA_SUCCESS;
}

EXPORTED int cuStreamSynchronize(void* stream)
{
    ENTER();
    return is_captured(stream) ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

EXPORTED int cuStreamQuery(void* stream)
{
    ENTER();
    return is_captured(stream) ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

EXPORTED int cuStreamWaitEvent(void*, void*, unsigned)
{
    ENTER();
    return CUDA_SUCCESS;
}

EXPORTED int cuEventCreate(void** event, unsigned)
{
    ENTER();
    *event = new Event{Clock::now()};
    hold_handle(1);
    return CUDA_SUCCESS;
}

EXPORTED int cuEventDestroy_v2(void* event)
{
    ENTER();
    delete static_cast<Event*>(event);
    hold_handle(-1);
    return CUDA_SUCCESS;
}

EXPORTED int cuEventRecord(void* event, void* stream)
{
    ENTER();
    return submit(stream, [event] { static_cast<Event*>(event)->time = Clock::now(); });
}

EXPORTED int cuEventQuery(void*)
{
    ENTER();
    return CUDA_SUCCESS;
}

EXPORTED int cuEventSynchronize(void*)
{
    ENTER();
    return CUDA_SUCCESS;
}

EXPORTED int cuEventElapsedTime(float* milliseconds, void* start, void* end)
{
    ENTER();
    *milliseconds = std::chrono::duration<float, std::milli>(static_cast<Event*>(end)->time - static_cast<Event*>(start)->time).count();
    return CUDA_SUCCESS;
}

EXPORTED int cuStreamBeginCapture_v2(void* stream, int)
{
    ENTER();
    if (stream == nullptr || is_captured(stream)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    static_cast<Stream*>(stream)->capture = std::make_unique<Graph>();
    return CUDA_SUCCESS;
}

// Ends the capture even where it fails, as the driver does with one that went wrong.
EXPORTED int cuStreamEndCapture(void* stream, void** graph)
{
    const CUresult entered = enter(__func__, Needs::Context);
    std::unique_ptr<Graph> recorded;
    if (is_captured(stream)) recorded = std::move(static_cast<Stream*>(stream)->capture);
    if (entered != CUDA_SUCCESS) return entered;
    if (recorded == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *graph = recorded.release();
    hold_handle(1);
    return CUDA_SUCCESS;
}

EXPORTED int cuGraphDestroy(void* graph)
{
    ENTER();
    delete static_cast<Graph*>(graph);
    hold_handle(-1);
    return CUDA_SUCCESS;
}

EXPORTED int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long)
{
    ENTER();
    *executable = new Graph(*static_cast<Graph*>(graph));
    hold_handle(1);
    return CUDA_SUCCESS;
}

EXPORTED int cuGraphExecDestroy(void* executable)
{
    ENTER();
    delete static_cast<Graph*>(executable);
    hold_handle(-1);
    return CUDA_SUCCESS;
}

EXPORTED int cuGraphLaunch(void* executable, void* stream)
{
    ENTER();
    count("graphs");
    for (const Action& action : *static_cast<Graph*>(executable))
        submit(stream, action);
    return CUDA_SUCCESS;
}
