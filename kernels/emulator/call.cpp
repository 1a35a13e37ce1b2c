#include "emulator/call.h"

#include "emulator/grid.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <sstream>
#include <utility>

namespace emulator
{
namespace
{
struct Fault {
    int64_t calls; // still to come, the failing one included
    bool every;
    CUresult code;
};

struct Ledger {
    std::mutex guard;
    std::map<std::string, int64_t> counts;
    std::multimap<std::string, Fault> faults;
    Held held;
    bool initialised = false;
    CUresult lost = CUDA_SUCCESS;
    std::string why;
};

void add_faults(Ledger& ledger, const std::string& list)
{
    std::stringstream entries(list);
    for (std::string entry; std::getline(entries, entry, ',');) {
        const size_t equals = entry.rfind('='), colon = entry.rfind(':', equals);
        if (colon == std::string::npos || equals == std::string::npos) continue;
        const int64_t nth = std::atoll(entry.c_str() + colon + 1);
        ledger.faults.insert({entry.substr(0, colon), {nth, nth == 0, static_cast<CUresult>(std::atoi(entry.c_str() + equals + 1))}});
    }
}

Ledger& ledger()
{
    static Ledger* const ledger = [] {
        auto* const fresh = new Ledger; // lives as long as the process, whose last calls may come late
        if (const char* const list = std::getenv("AUDIOTOKEN_EMU_FAULTS")) add_faults(*fresh, list);
        return fresh;
    }();
    return *ledger;
}

thread_local bool context_present;
thread_local std::pair<CUresult, std::string> refused;

int64_t environment(const char* name, int64_t otherwise)
{
    const char* const value = std::getenv(name);
    return value != nullptr ? std::atoll(value) : otherwise;
}

// Errors after which a context answers nothing else.
bool is_sticky(CUresult code)
{
    return code == CUDA_ERROR_ILLEGAL_ADDRESS || code == CUDA_ERROR_LAUNCH_TIMEOUT || code == CUDA_ERROR_LAUNCH_FAILED ||
           code == CUDA_ERROR_ECC_UNCORRECTABLE || code == CUDA_ERROR_UNKNOWN;
}

CUresult strike(Ledger& l, const std::string& call)
{
    const auto range = l.faults.equal_range(call);
    for (auto fault = range.first; fault != range.second; ++fault) {
        Fault& f = fault->second;
        if (!f.every && --f.calls > 0) continue;
        const CUresult code = f.code;
        if (!f.every) l.faults.erase(fault);
        return code;
    }
    return CUDA_SUCCESS;
}
} // namespace

Settings& settings()
{
    static Settings settings = {environment("AUDIOTOKEN_EMU_DEVICES", 1),        environment("AUDIOTOKEN_EMU_CAPABILITY", 90),
                                environment("AUDIOTOKEN_EMU_DRIVER", 13000),     environment("AUDIOTOKEN_EMU_NVRTC", 13000),
                                environment("AUDIOTOKEN_EMU_MEMORY", 8ll << 30), environment("AUDIOTOKEN_EMU_EXECUTE", 1)};
    return settings;
}

int shared_limit()
{
    const int64_t capability = settings().capability;
    return (capability >= 120 || capability == 86 || capability == 89 ? 99 : capability >= 90 ? 227 : 163) << 10;
}

CUresult enter(const char* call, Needs needs)
{
    Ledger& l = ledger();
    const std::lock_guard<std::mutex> lock(l.guard);
    l.counts[call]++;
    if (const CUresult code = strike(l, call)) {
        if (is_sticky(code)) l.lost = code, l.why = std::string("injected at ") + call;
        return code;
    }
    if (needs != Needs::Nothing && !l.initialised) return CUDA_ERROR_NOT_INITIALIZED;
    if (needs == Needs::Context && !context_present) return CUDA_ERROR_INVALID_CONTEXT;
    return needs == Needs::Context ? l.lost : CUDA_SUCCESS;
}

void initialise()
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    ledger().initialised = true;
}

void set_context(bool present)
{
    context_present = present;
}

bool has_context()
{
    return context_present;
}

void count(const std::string& what, int64_t by)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    ledger().counts[what] += by;
}

CUresult injected(const std::string& call)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    return strike(ledger(), call);
}

void lose(CUresult code, const std::string& why)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    if (ledger().lost != CUDA_SUCCESS) return;
    ledger().lost = code;
    ledger().why = why;
}

bool is_lost()
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    return ledger().lost != CUDA_SUCCESS;
}

void find_again()
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    ledger().lost = CUDA_SUCCESS;
    ledger().why.clear();
}

std::string explanation(CUresult code)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    return code == ledger().lost ? ledger().why : code == refused.first ? refused.second : "";
}

CUresult refuse(CUresult code, const std::string& why)
{
    refused = {code, why};
    return code;
}

Held held()
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    return ledger().held;
}

void hold_bytes(int64_t allocations, int64_t bytes)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    Held& h = ledger().held;
    h.allocations += allocations;
    h.bytes += bytes;
    h.peak = std::max(h.peak, h.bytes);
}

void hold_handle(int64_t by)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    ledger().held.handles += by;
}

void hold_pinned(int64_t by)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    ledger().held.pinned += by;
}
} // namespace emulator

using namespace emulator;

EXPORTED int atkEmuSet(const char* name, int64_t value)
{
    const std::map<std::string, int64_t*> numbers = {{"devices", &settings().devices}, {"capability", &settings().capability},
                                                     {"driver", &settings().driver},   {"nvrtc", &settings().nvrtc},
                                                     {"memory", &settings().memory},   {"execute", &settings().execute}};
    const std::string what = name;
    if (const auto number = numbers.find(what); number != numbers.end())
        *number->second = value;
    else if (what == "workers")
        schedule().workers = std::max(1, static_cast<int>(value));
    else if (what == "order")
        schedule().order = static_cast<Order>(value);
    else if (what == "seed")
        schedule().seed = static_cast<uint64_t>(value);
    else
        return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}

EXPORTED int atkEmuFault(const char* call, int64_t nth, int code)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    ledger().faults.insert({call, {nth, nth == 0, static_cast<CUresult>(code)}});
    return CUDA_SUCCESS;
}

EXPORTED int64_t atkEmuCount(const char* what)
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    const Held& h = ledger().held;
    const std::map<std::string, int64_t> now = {
        {"allocations", h.allocations}, {"bytes", h.bytes}, {"bytes.peak", h.peak}, {"handles", h.handles}, {"pinned", h.pinned}};
    if (const auto found = now.find(what); found != now.end()) return found->second;
    const auto found = ledger().counts.find(what);
    return found != ledger().counts.end() ? found->second : 0;
}

EXPORTED int64_t atkEmuCounts(char* text, int64_t bytes)
{
    std::string lines;
    const std::lock_guard<std::mutex> lock(ledger().guard);
    for (const auto& [what, times] : ledger().counts)
        lines += what + " " + std::to_string(times) + "\n";
    const auto needed = static_cast<int64_t>(lines.size()) + 1;
    if (bytes >= needed) std::memcpy(text, lines.c_str(), static_cast<size_t>(needed));
    return needed;
}

EXPORTED int atkEmuReset()
{
    const std::lock_guard<std::mutex> lock(ledger().guard);
    Ledger& l = ledger();
    l.counts.clear();
    l.faults.clear();
    l.lost = CUDA_SUCCESS;
    l.why.clear();
    l.held.peak = l.held.bytes;
    return CUDA_SUCCESS;
}
