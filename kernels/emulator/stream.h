// stream.h: a stream does its work at once, or, while it is captured, keeps it for the graph.
#pragma once
#include "emulator/call.h"

#include <functional>
#include <memory>
#include <vector>

namespace emulator
{
using Action = std::function<void()>; // failures lose the device, as asynchronous ones do
using Graph = std::vector<Action>;

struct Stream {
    std::unique_ptr<Graph> capture;
};

// Does the action on a stream (null: the default one), or captures it.
CUresult submit(void* stream, Action action);

// Whether the stream is being captured: what waits for it then fails.
bool is_captured(const void* stream);
} // namespace emulator
