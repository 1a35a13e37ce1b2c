// driver_module.cpp: libcuda's modules, functions and launches. A cubin is what the emulated NVRTC makes: a shared object, whose kernels
// register themselves when it is loaded.
#include "emulator/grid.h"
#include "emulator/memory.h"
#include "emulator/stream.h"

#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace emulator;

namespace
{
struct Function {
    std::string name;
    Kernel kernel;
    ThreadLocalBlock shared;
    size_t dynamic_bytes = 0; // as asked for

    // Without asking, 48 KB, less static shared memory. What one kernel of a file has of it is not known: something.
    size_t limit() const { return dynamic_bytes > 0 ? dynamic_bytes : (48 << 10) - (shared.bytes > 0 ? 1 : 0); }
};

struct Module {
    std::map<std::string, Function> functions;
};

// An ELF file's length from its own header: the driver is given none.
size_t elf_bytes(const unsigned char* image)
{
    Elf64_Ehdr header;
    std::memcpy(&header, image, sizeof header);
    return header.e_shoff + static_cast<size_t>(header.e_shnum) * header.e_shentsize;
}

ThreadLocalBlock thread_local_block(void* library)
{
    struct Search {
        link_map* map;
        ThreadLocalBlock found;
    } search{};
    dlinfo(library, RTLD_DI_LINKMAP, &search.map);
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* data) {
            auto* const search = static_cast<Search*>(data);
            if (info->dlpi_addr != search->map->l_addr) return 0;
            for (int i = 0; i < info->dlpi_phnum; i++)
                if (info->dlpi_phdr[i].p_type == PT_TLS) search->found = {info->dlpi_tls_modid, info->dlpi_phdr[i].p_memsz};
            return 1;
        },
        &search);
    return search.found;
}

// Libraries stay loaded: their thread-local blocks may be in use, and the same bytes need not be loaded twice.
CUresult load(const unsigned char* image, Module& module)
{
    static std::mutex guard;
    static auto* const known = new std::map<std::string, Module>;
    if (std::memcmp(image, ELFMAG, SELFMAG) != 0) return refuse(CUDA_ERROR_INVALID_IMAGE, "not an ELF file");
    const std::string bytes(reinterpret_cast<const char*>(image), elf_bytes(image));
    const std::lock_guard<std::mutex> lock(guard);
    if (const auto found = known->find(bytes); found != known->end()) {
        module = found->second;
        return CUDA_SUCCESS;
    }
    const int file = memfd_create("emulated-cubin", MFD_CLOEXEC);
    if (file < 0) return CUDA_ERROR_OUT_OF_MEMORY;
    const bool written = write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    registered_kernels().clear();
    void* const library = written ? dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
    // The descriptor stays open: its number, by which the loader knows the file, must not come again.
    if (library == nullptr) return refuse(CUDA_ERROR_INVALID_IMAGE, written ? dlerror() : "it cannot be written");
    for (const Kernel& kernel : registered_kernels())
        module.functions[kernel.name] = {kernel.name, kernel, thread_local_block(library)};
    registered_kernels().clear();
    (*known)[bytes] = module;
    return CUDA_SUCCESS;
}

void execute(const Function& function, const Launch& shape, const std::vector<std::vector<char>>& arguments)
{
    count("kernels");
    count("kernel:" + function.name);
    if (const CUresult code = injected("kernel:" + function.name)) return lose(code, "injected in kernel " + function.name);
    if (settings().execute == 0) return;
    std::vector<void*> pointers;
    for (const std::vector<char>& argument : arguments)
        pointers.push_back(const_cast<char*>(argument.data()));
    const std::string failure = run_grid(function.kernel, function.shared, shape, pointers.data());
    if (!failure.empty()) return lose(CUDA_ERROR_LAUNCH_FAILED, failure);
    if (const std::string damaged = damage(); !damaged.empty()) lose(CUDA_ERROR_ILLEGAL_ADDRESS, "kernel " + function.name + " " + damaged);
}

CUresult launch(const Function& f, const Launch& shape, void* stream, void** arguments)
{
    const dim3 &grid = shape.grid, &block = shape.block;
    const uint64_t threads = static_cast<uint64_t>(block.x) * block.y * block.z;
    if (threads == 0 || threads > 1024 || block.z > 64 || grid.x == 0 || grid.x > 0x7fffffffu || grid.y == 0 || grid.y > 65535 ||
        grid.z == 0 || grid.z > 65535 || shape.shared_bytes > f.limit())
        return CUDA_ERROR_INVALID_VALUE;
    if (shape.cluster != 1 && (settings().capability < 90 || shape.cluster == 0 || shape.cluster > 8 || grid.x % shape.cluster != 0))
        return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    std::vector<std::vector<char>> copies;
    for (int i = 0; i < f.kernel.count; i++) {
        const char* const argument = static_cast<const char*>(arguments[i]);
        copies.emplace_back(argument, argument + f.kernel.sizes[i]);
    }
    return submit(stream, [f, shape, copies] { execute(f, shape, copies); });
}

// CUlaunchConfig and CUlaunchAttribute of cuda.h.
struct LaunchAttribute {
    int id;
    alignas(8) unsigned value[16];
};

struct LaunchConfig {
    unsigned grid[3], block[3], shared_bytes;
    void* stream;
    const LaunchAttribute* attributes;
    unsigned count;
};
constexpr int ClusterDimension = 4;
} // namespace

EXPORTED int cuModuleLoadData(void** module, const void* image)
{
    ENTER();
    auto loaded = std::make_unique<Module>();
    if (const CUresult code = load(static_cast<const unsigned char*>(image), *loaded)) return code;
    *module = loaded.release();
    hold_handle(1);
    return CUDA_SUCCESS;
}

EXPORTED int cuModuleUnload(void* module)
{
    ENTER();
    delete static_cast<Module*>(module);
    hold_handle(-1);
    return CUDA_SUCCESS;
}

EXPORTED int cuModuleGetFunction(void** function, void* module, const char* name)
{
    ENTER();
    auto& functions = static_cast<Module*>(module)->functions;
    const auto found = functions.find(name);
    if (found == functions.end()) return CUDA_ERROR_NOT_FOUND;
    *function = &found->second;
    return CUDA_SUCCESS;
}

EXPORTED int cuFuncSetAttribute(void* function, int attribute, int value)
{
    ENTER();
    if (attribute != 8) return CUDA_SUCCESS; // MAX_DYNAMIC_SHARED_SIZE_BYTES
    if (value < 0 || value > shared_limit()) return CUDA_ERROR_INVALID_VALUE;
    static_cast<Function*>(function)->dynamic_bytes = static_cast<size_t>(value);
    return CUDA_SUCCESS;
}

EXPORTED int cuFuncGetAttribute(int* value, int attribute, void*)
{
    ENTER();
    *value = attribute == 0 ? 1024 : 0; // MAX_THREADS_PER_BLOCK; registers and local memory are not known here
    return CUDA_SUCCESS;
}

EXPORTED int cuFuncGetParamCount(void* function, size_t* count)
{
    ENTER();
    *count = static_cast<size_t>(static_cast<Function*>(function)->kernel.count);
    return CUDA_SUCCESS;
}

EXPORTED int cuFuncGetParamInfo(void* function, size_t index, size_t* offset, size_t* bytes)
{
    ENTER();
    const Kernel& kernel = static_cast<Function*>(function)->kernel;
    if (index >= static_cast<size_t>(kernel.count)) return CUDA_ERROR_INVALID_VALUE;
    *offset = 0; // arguments are handed over one by one
    *bytes = static_cast<size_t>(kernel.sizes[index]);
    return CUDA_SUCCESS;
}

EXPORTED int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void*, int threads, size_t)
{
    ENTER();
    *blocks = threads > 0 ? 2048 / threads : 0;
    return CUDA_SUCCESS;
}

EXPORTED int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                            unsigned block_z, unsigned shared_bytes, void* stream, void** arguments, void**)
{
    ENTER();
    return launch(*static_cast<Function*>(function), {dim3(grid_x, grid_y, grid_z), dim3(block_x, block_y, block_z), shared_bytes}, stream,
                  arguments);
}

// Of the attributes only a cluster along x is known.
EXPORTED int cuLaunchKernelEx(const void* how, void* function, void** arguments, void**)
{
    ENTER();
    const auto& config = *static_cast<const LaunchConfig*>(how);
    Launch shape = {dim3(config.grid[0], config.grid[1], config.grid[2]), dim3(config.block[0], config.block[1], config.block[2]),
                    config.shared_bytes};
    for (unsigned i = 0; i < config.count; i++) {
        const LaunchAttribute& attribute = config.attributes[i];
        if (attribute.id != ClusterDimension || attribute.value[1] != 1 || attribute.value[2] != 1) return CUDA_ERROR_INVALID_VALUE;
        shape.cluster = attribute.value[0];
    }
    return launch(*static_cast<Function*>(function), shape, config.stream, arguments);
}
