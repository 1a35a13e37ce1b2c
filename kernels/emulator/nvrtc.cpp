// nvrtc.cpp: NVRTC's functions. To compile is to let g++ make a shared object of the source, with the headers that were handed over and no
// others of the kernels'. What was compiled once, of the same text by the same compiler, is kept in AUDIOTOKEN_EMU_CACHE (else beside the
// device's library) under a hash of all that went in.
#include "emulator/call.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <dlfcn.h>

using namespace emulator;
namespace fs = std::filesystem;

namespace
{
enum nvrtcResult {
    NVRTC_SUCCESS = 0,
    NVRTC_ERROR_INVALID_OPTION = 5,
    NVRTC_ERROR_COMPILATION = 6,
    NVRTC_ERROR_BUILTIN_OPERATION_FAILURE = 7
};

struct Program {
    std::string source, name;
    std::vector<std::pair<std::string, std::string>> headers; // name, text
    std::string log, cubin, ptx;
};

std::string read(const fs::path& path)
{
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

void write(const fs::path& path, const std::string& text)
{
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

fs::path library()
{
    Dl_info info;
    dladdr(reinterpret_cast<void*>(&library), &info);
    return fs::absolute(info.dli_fname);
}

fs::path cache()
{
    const char* const folder = std::getenv("AUDIOTOKEN_EMU_CACHE");
    return folder != nullptr ? fs::path(folder) : library().parent_path() / "emulated-cubins";
}

std::string quoted(const std::string& word)
{
    std::string text = "'";
    for (const char c : word)
        text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

// FNV-1a, 64 bits.
std::string hash(const std::string& text)
{
    uint64_t value = 14695981039346656037ull;
    for (const char c : text)
        value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
    return digits;
}

// What the folder for one program depends on: every text, the options, and the words that the emulation gives to kernels.
std::string everything(const Program& program, const std::string& options)
{
    std::string text = program.source + options;
    for (const auto& [name, header] : program.headers)
        text += name + header;
    for (const char* const header : {"device.h", "thread.h"})
        text += read(fs::path(EMULATOR_HEADERS) / "emulator" / header);
    return text;
}

nvrtcResult build(Program& program, const std::string& options)
{
    const fs::path kept = cache() / (hash(everything(program, options)) + ".so");
    if (program.cubin = read(kept); !program.cubin.empty()) return NVRTC_SUCCESS;

    static int builds;
    const fs::path folder =
        cache() / ("build-" + std::to_string(getpid()) + "-" + std::to_string(__atomic_fetch_add(&builds, 1, __ATOMIC_RELAXED)));
    write(folder / program.name, program.source);
    for (const auto& [name, header] : program.headers)
        write(folder / name, header);
    const fs::path made = folder / "kernel.so", log = folder / "log";
    const std::string command = "g++ -std=c++17 -shared -fPIC -O1 -march=x86-64-v3 -fno-strict-aliasing -mtls-dialect=gnu2 "
                                "-Wno-unknown-pragmas -DATK_EMULATED -DATK_SHARED_PER_WORKER" +
                                options + " -I " + quoted(folder) + " -I " + quoted(EMULATOR_HEADERS) + " -x c++ " +
                                quoted(folder / program.name) + " -x none " + quoted(library()) + " -o " + quoted(made) + " 2>" +
                                quoted(log);
    const int status = std::system(command.c_str());
    program.log = read(log);
    for (size_t at; (at = program.log.find(folder.string() + "/")) != std::string::npos;)
        program.log.erase(at, folder.string().size() + 1);
    std::error_code ignored;
    if (status == 0) {
        program.cubin = read(made);
        fs::rename(made, kept, ignored); // whole, or not at all
    }
    fs::remove_all(folder, ignored);
    return status == 0 ? NVRTC_SUCCESS : NVRTC_ERROR_COMPILATION;
}

// Newer than this compiler knows?
bool is_known(const std::string& architecture)
{
    return std::atoi(architecture.c_str() + architecture.find('_') + 1) <= (settings().nvrtc >= 12080 ? 121 : 90);
}

int give(const std::string& text, char* to)
{
    std::memcpy(to, text.data(), text.size());
    return NVRTC_SUCCESS;
}

Program& program_of(void* handle)
{
    return *static_cast<Program*>(handle);
}
} // namespace

// An injected failure is NVRTC's own code here; no context is needed.
#undef ENTER
#define ENTER() ENTER_FOR(Needs::Nothing)

EXPORTED int nvrtcVersion(int* major, int* minor)
{
    ENTER();
    *major = static_cast<int>(settings().nvrtc / 1000);
    *minor = static_cast<int>(settings().nvrtc % 1000 / 10);
    return NVRTC_SUCCESS;
}

EXPORTED const char* nvrtcGetErrorString(int code)
{
    switch (code) {
    case NVRTC_SUCCESS:
        return "NVRTC_SUCCESS";
    case NVRTC_ERROR_INVALID_OPTION:
        return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION:
        return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_BUILTIN_OPERATION_FAILURE:
        return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
    default:
        return "NVRTC_ERROR unknown";
    }
}

EXPORTED int nvrtcCreateProgram(void** program, const char* source, const char* name, int headers, const char* const* texts,
                                const char* const* names)
{
    ENTER();
    auto* const fresh = new Program{source, name, {}, "", "", ""};
    for (int i = 0; i < headers; i++)
        fresh->headers.emplace_back(names[i], texts[i]);
    *program = fresh;
    return NVRTC_SUCCESS;
}

EXPORTED int nvrtcDestroyProgram(void** program)
{
    ENTER();
    delete static_cast<Program*>(*program);
    *program = nullptr;
    return NVRTC_SUCCESS;
}

EXPORTED int nvrtcCompileProgram(void* handle, int count, const char* const* options)
{
    ENTER();
    Program& program = program_of(handle);
    std::string passed, architecture;
    for (int i = 0; i < count; i++) {
        const std::string option = options[i];
        if (option.rfind("-D", 0) == 0)
            passed += " " + quoted(option);
        else if (option.rfind("--gpu-architecture=", 0) == 0)
            architecture = option.substr(19);
    }
    if (architecture.empty() || !is_known(architecture)) {
        program.log = "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
        return NVRTC_ERROR_INVALID_OPTION;
    }
    const nvrtcResult result = build(program, passed);
    // Of a virtual architecture there is only PTX, which here is the same object.
    if (architecture.rfind("compute_", 0) == 0) program.cubin.swap(program.ptx);
    return result;
}

EXPORTED int nvrtcGetCUBINSize(void* program, size_t* bytes)
{
    ENTER();
    *bytes = program_of(program).cubin.size();
    return NVRTC_SUCCESS;
}

EXPORTED int nvrtcGetCUBIN(void* program, char* cubin)
{
    ENTER();
    return give(program_of(program).cubin, cubin);
}

EXPORTED int nvrtcGetPTXSize(void* program, size_t* bytes)
{
    ENTER();
    *bytes = program_of(program).ptx.size();
    return NVRTC_SUCCESS;
}

EXPORTED int nvrtcGetPTX(void* program, char* ptx)
{
    ENTER();
    return give(program_of(program).ptx, ptx);
}

EXPORTED int nvrtcGetProgramLogSize(void* program, size_t* bytes)
{
    ENTER();
    *bytes = program_of(program).log.size() + 1;
    return NVRTC_SUCCESS;
}

EXPORTED int nvrtcGetProgramLog(void* program, char* log)
{
    ENTER();
    std::memcpy(log, program_of(program).log.c_str(), program_of(program).log.size() + 1);
    return NVRTC_SUCCESS;
}
