// cublaslt.cpp: cuBLASLt's functions, as far as they are called. A product is computed strictly after what the caller said of it:
// column-major matrices with their leading dimensions, transposes, types, epilogue and pointers. As the library does (12.4, asked without a
// device), a setter holds an attribute to its number and size alone; what does not fit together is refused where a product is asked for.
//
//   D = act(alpha op(A) op(B) + beta C + bias), the bias a value a row; A, B, C, D and bias of one type, sums in fp32
#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <mutex>
#include <set>

#include "emulator/memory.h"
#include "emulator/stream.h"

#include "emulator/device.h" // last: its words would change the meaning of other headers

using namespace emulator;

namespace
{
enum cublasStatus_t : int {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_EXECUTION_FAILED = 13,
    CUBLAS_STATUS_INTERNAL_ERROR = 14,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
};
enum Type { CUDA_R_32F = 0, CUDA_R_16F = 2, CUDA_R_16BF = 14 };
enum DescriptionAttribute { TRANSA = 3, TRANSB = 4, EPILOGUE = 7, BIAS_POINTER = 8 };
enum PreferenceAttribute { MAX_WORKSPACE_BYTES = 1, REDUCTION_SCHEME_MASK = 3 };
enum ReductionScheme : uint32_t { NONE = 0, COMPUTE_TYPE = 2, OUTPUT_TYPE = 4, ANY = 7 }; // how parts of a split sum are kept
enum Epilogue : uint32_t { DEFAULT = 1, RELU = 2, BIAS = 4, GELU = 32 };
constexpr int CUBLAS_COMPUTE_32F = 68;
constexpr uint64_t Promised = 256; // bytes: the alignment of matrices that preferences name where nobody sets another

struct Library {
};

struct Layout {
    int type;
    uint64_t rows, columns;
    int64_t stride; // elements from column to column

    size_t element() const { return type == CUDA_R_32F ? 4 : 2; }
    size_t bytes() const { return ((columns - 1) * static_cast<uint64_t>(stride) + rows) * element(); }
    bool is_sound() const { return rows > 0 && columns > 0 && stride > 0 && static_cast<uint64_t>(stride) >= rows; }
    bool is(uint64_t r, uint64_t c) const { return rows == r && columns == c; }
};

struct Description {
    int compute, scale, transposed_a = 0, transposed_b = 0;
    uint32_t epilogue = DEFAULT;
    uint64_t bias = 0;

    bool has(Epilogue part) const { return (epilogue & part) != 0; }
};

struct Preference {
    uint64_t workspace = 0;
    uint32_t schemes = ANY;
};

// What the caller carries from the heuristic to the product: 64 bytes.
struct Algorithm {
    uint64_t scheme, m, n, k, type, workspace, mark, reserved;
};
constexpr uint64_t Mark = 0x656d756c61746564;

// cublasLtMatmulHeuristicResult_t.
struct Result {
    Algorithm algorithm;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};
static_assert(sizeof(Algorithm) == 64 && sizeof(Result) == 96);

// The live objects of one kind: a handle that was destroyed, or is of another kind, is seen.
template <typename T> class Live
{
  public:
    static int make(void** handle, const T& value)
    {
        if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
        const std::lock_guard<std::mutex> lock(guard());
        all().insert(static_cast<T*>(*handle = new T(value)));
        hold_handle(1);
        return CUBLAS_STATUS_SUCCESS;
    }

    static T* find(void* handle)
    {
        const std::lock_guard<std::mutex> lock(guard());
        return all().count(static_cast<T*>(handle)) != 0 ? static_cast<T*>(handle) : nullptr;
    }

    static int destroy(void* handle)
    {
        if (handle == nullptr) return CUBLAS_STATUS_SUCCESS;
        const std::lock_guard<std::mutex> lock(guard());
        if (all().erase(static_cast<T*>(handle)) == 0) return CUBLAS_STATUS_INVALID_VALUE;
        delete static_cast<T*>(handle);
        hold_handle(-1);
        return CUBLAS_STATUS_SUCCESS;
    }

  private:
    static std::mutex& guard()
    {
        static std::mutex guard;
        return guard;
    }

    static std::set<T*>& all()
    {
        static auto* const all = new std::set<T*>;
        return *all;
    }
};

int set(void* attribute, size_t size, const void* value, size_t bytes)
{
    if (value == nullptr || bytes != size) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(attribute, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

// A product that was asked for, held together.
struct Problem {
    Description how;
    Layout a, b, c, d;
    uint64_t m = 0, n = 0, k = 0;

    int check()
    {
        if (how.compute != CUBLAS_COMPUTE_32F || how.scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
        if ((how.transposed_a | how.transposed_b) >> 1 != 0 || how.epilogue == 0) return CUBLAS_STATUS_INVALID_VALUE;
        if (how.epilogue != DEFAULT && (how.epilogue & ~(RELU | BIAS | GELU)) != 0) return CUBLAS_STATUS_NOT_SUPPORTED;
        if (how.has(RELU) && how.has(GELU)) return CUBLAS_STATUS_INVALID_VALUE;
        if (d.type != CUDA_R_32F && d.type != CUDA_R_16F && d.type != CUDA_R_16BF) return CUBLAS_STATUS_NOT_SUPPORTED;
        if (a.type != d.type || b.type != d.type || c.type != d.type) return CUBLAS_STATUS_NOT_SUPPORTED;
        m = d.rows, n = d.columns, k = how.transposed_a != 0 ? a.rows : a.columns;
        const bool fit =
            (how.transposed_a != 0 ? a.is(k, m) : a.is(m, k)) && (how.transposed_b != 0 ? b.is(n, k) : b.is(k, n)) && c.is(m, n);
        return fit && a.is_sound() && b.is_sound() && c.is_sound() && d.is_sound() ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
    }

    bool is_of(const Algorithm& x) const
    {
        return x.mark == Mark && x.m == m && x.n == n && x.k == k && x.type == static_cast<uint64_t>(d.type);
    }
};

struct Operands {
    float alpha, beta;
    uint64_t a, b, c, d, workspace;
};

float read(uint64_t matrix, const Layout& layout, uint64_t row, uint64_t column)
{
    const uint64_t at = column * static_cast<uint64_t>(layout.stride) + row;
    switch (layout.type) {
    case CUDA_R_32F:
        return reinterpret_cast<const float*>(matrix)[at];
    case CUDA_R_16F:
        return h2f(reinterpret_cast<const h16*>(matrix)[at]);
    default:
        return b2f(reinterpret_cast<const b16*>(matrix)[at]);
    }
}

void write(uint64_t matrix, const Layout& layout, uint64_t row, uint64_t column, float value)
{
    const uint64_t at = column * static_cast<uint64_t>(layout.stride) + row;
    switch (layout.type) {
    case CUDA_R_32F:
        reinterpret_cast<float*>(matrix)[at] = value;
        break;
    case CUDA_R_16F:
        reinterpret_cast<h16*>(matrix)[at] = f2h(value);
        break;
    default:
        reinterpret_cast<b16*>(matrix)[at] = f2b(value);
    }
}

// The form with a hyperbolic tangent, which is the library's.
float gelu(float x)
{
    return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
}

float finish(const Description& how, float value)
{
    return how.has(RELU) ? std::fmax(value, 0.0f) : how.has(GELU) ? gelu(value) : value;
}

// The sum over [first, last) of one element.
float sum(const Problem& p, const Operands& o, uint64_t row, uint64_t column, uint64_t first, uint64_t last)
{
    float total = 0;
    for (uint64_t i = first; i < last; i++)
        total += (p.how.transposed_a != 0 ? read(o.a, p.a, i, row) : read(o.a, p.a, row, i)) *
                 (p.how.transposed_b != 0 ? read(o.b, p.b, column, i) : read(o.b, p.b, i, column));
    return total;
}

// An algorithm that splits sums keeps the first half of each in the workspace.
void multiply(const Problem& p, const Algorithm& algorithm, const Operands& o)
{
    const Layout halves = {algorithm.scheme == OUTPUT_TYPE ? p.d.type : CUDA_R_32F, p.m, p.n, static_cast<int64_t>(p.m)};
    const uint64_t middle = algorithm.scheme != NONE ? p.k / 2 : 0;
    for (uint64_t i = 0; middle > 0 && i < p.m * p.n; i++)
        write(o.workspace, halves, i % p.m, i / p.m, sum(p, o, i % p.m, i / p.m, 0, middle));
    const Layout vector = {p.d.type, p.m, 1, static_cast<int64_t>(p.m)};
    for (uint64_t i = 0; i < p.m * p.n; i++) {
        const uint64_t row = i % p.m, column = i / p.m;
        float value = o.alpha * (sum(p, o, row, column, middle, p.k) + (middle > 0 ? read(o.workspace, halves, row, column) : 0));
        if (o.beta != 0) value += o.beta * read(o.c, p.c, row, column);
        if (p.how.has(BIAS)) value += read(p.how.bias, vector, row, 0);
        write(o.d, p.d, row, column, finish(p.how, value));
    }
}

void execute(const Problem& p, const Algorithm& algorithm, const Operands& o)
{
    count("products");
    const struct {
        const char* name;
        uint64_t address;
        size_t bytes;
    } places[] = {{"A", o.a, p.a.bytes()},
                  {"B", o.b, p.b.bytes()},
                  {"C", o.c, o.beta != 0 ? p.c.bytes() : 0},
                  {"D", o.d, p.d.bytes()},
                  {"the bias", p.how.bias, p.how.has(BIAS) ? p.m * p.d.element() : 0},
                  {"the workspace", o.workspace, algorithm.workspace}};
    for (const auto& place : places)
        if (place.bytes > 0 && !is_allocated(place.address, place.bytes))
            return lose(CUDA_ERROR_ILLEGAL_ADDRESS, std::string("cublasLtMatmul: ") + place.name + " has " + std::to_string(place.bytes) +
                                                        " bytes, which no allocation holds");
    if (settings().execute != 0) multiply(p, algorithm, o);
}

bool is_aligned(uint64_t address, uint64_t bytes)
{
    return address != 0 && address % bytes == 0;
}
} // namespace

// An injected failure is the library's own code here.
#undef ENTER
#define ENTER() ENTER_FOR(Needs::Nothing)

EXPORTED size_t cublasLtGetVersion()
{
    count(__func__);
    return 120405;
}

EXPORTED const char* cublasLtGetStatusName(int status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
        return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED:
        return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
        return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
        return "unrecognized status";
    }
}

EXPORTED int cublasLtCreate(void** library)
{
    ENTER();
    return has_context() ? Live<Library>::make(library, {}) : CUBLAS_STATUS_NOT_INITIALIZED;
}

EXPORTED int cublasLtDestroy(void* library)
{
    ENTER();
    return Live<Library>::destroy(library);
}

EXPORTED int cublasLtMatmulDescCreate(void** description, int compute, int scale)
{
    ENTER();
    return Live<Description>::make(description, {compute, scale});
}

EXPORTED int cublasLtMatmulDescDestroy(void* description)
{
    ENTER();
    return Live<Description>::destroy(description);
}

EXPORTED int cublasLtMatmulDescSetAttribute(void* description, int attribute, const void* value, size_t bytes)
{
    ENTER();
    Description* const d = Live<Description>::find(description);
    if (d == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    switch (attribute) {
    case TRANSA:
        return set(&d->transposed_a, sizeof d->transposed_a, value, bytes);
    case TRANSB:
        return set(&d->transposed_b, sizeof d->transposed_b, value, bytes);
    case EPILOGUE:
        return set(&d->epilogue, sizeof d->epilogue, value, bytes);
    case BIAS_POINTER:
        return set(&d->bias, sizeof d->bias, value, bytes);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

EXPORTED int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns, int64_t stride)
{
    ENTER();
    return Live<Layout>::make(layout, {type, rows, columns, stride});
}

EXPORTED int cublasLtMatrixLayoutDestroy(void* layout)
{
    ENTER();
    return Live<Layout>::destroy(layout);
}

EXPORTED int cublasLtMatmulPreferenceCreate(void** preference)
{
    ENTER();
    return Live<Preference>::make(preference, {});
}

EXPORTED int cublasLtMatmulPreferenceDestroy(void* preference)
{
    ENTER();
    return Live<Preference>::destroy(preference);
}

EXPORTED int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value, size_t bytes)
{
    ENTER();
    Preference* const p = Live<Preference>::find(preference);
    if (p == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    switch (attribute) {
    case MAX_WORKSPACE_BYTES:
        return set(&p->workspace, sizeof p->workspace, value, bytes);
    case REDUCTION_SCHEME_MASK:
        return set(&p->schemes, sizeof p->schemes, value, bytes);
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
}

static int problem_of(void* library, void* description, void* a, void* b, void* c, void* d, Problem& problem)
{
    const Description* const how = Live<Description>::find(description);
    const Layout* const layouts[] = {Live<Layout>::find(a), Live<Layout>::find(b), Live<Layout>::find(c), Live<Layout>::find(d)};
    if (Live<Library>::find(library) == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (how == nullptr || std::count(std::begin(layouts), std::end(layouts), nullptr) > 0) return CUBLAS_STATUS_INVALID_VALUE;
    problem = {*how, *layouts[0], *layouts[1], *layouts[2], *layouts[3]};
    return problem.check();
}

// Four ways at most: one without a workspace, one that cannot be taken, whose other fields mean nothing, and two that split sums.
EXPORTED int cublasLtMatmulAlgoGetHeuristic(void* library, void* description, void* a, void* b, void* c, void* d, void* preference,
                                            int wanted, Result* results, int* found)
{
    ENTER();
    Problem p;
    if (const int status = problem_of(library, description, a, b, c, d, p)) return status;
    const Preference* const prefers = Live<Preference>::find(preference);
    if (prefers == nullptr || wanted <= 0 || results == nullptr || found == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    const struct {
        int state;
        ReductionScheme scheme;
        size_t workspace;
    } ways[] = {{CUBLAS_STATUS_SUCCESS, NONE, 0},
                {CUBLAS_STATUS_NOT_SUPPORTED, NONE, 0},
                {CUBLAS_STATUS_SUCCESS, COMPUTE_TYPE, p.m * p.n * sizeof(float)},
                {CUBLAS_STATUS_SUCCESS, OUTPUT_TYPE, p.m * p.n * p.d.element()}};
    *found = 0;
    for (const auto& way : ways) {
        if (*found == wanted || way.workspace > prefers->workspace || (way.scheme & ~prefers->schemes) != 0) continue;
        Result& result = results[(*found)++];
        std::memset(&result, 0xFF, sizeof result);
        result.state = way.state;
        if (way.state != CUBLAS_STATUS_SUCCESS) continue;
        result.algorithm = {way.scheme, p.m, p.n, p.k, static_cast<uint64_t>(p.d.type), way.workspace, Mark, 0};
        result.workspace = way.workspace;
    }
    return CUBLAS_STATUS_SUCCESS;
}

EXPORTED int cublasLtMatmul(void* library, void* description, const float* alpha, uint64_t a, void* a_layout, uint64_t b, void* b_layout,
                            const float* beta, uint64_t c, void* c_layout, uint64_t d, void* d_layout, const Algorithm* algorithm,
                            uint64_t workspace, size_t workspace_bytes, void* stream)
{
    ENTER();
    if (is_lost()) return CUBLAS_STATUS_EXECUTION_FAILED;
    Problem p;
    if (const int status = problem_of(library, description, a_layout, b_layout, c_layout, d_layout, p)) return status;
    if (alpha == nullptr || beta == nullptr || algorithm == nullptr || !p.is_of(*algorithm)) return CUBLAS_STATUS_INVALID_VALUE;
    const Operands operands = {*alpha, *beta, a, b, c, d, workspace};
    if (!is_aligned(a, Promised) || !is_aligned(b, Promised) || !is_aligned(d, Promised) || (*beta != 0 && !is_aligned(c, Promised)) ||
        (p.how.has(BIAS) && !is_aligned(p.how.bias, 16)) || workspace_bytes < algorithm->workspace ||
        (algorithm->workspace > 0 && !is_aligned(workspace, Promised)))
        return CUBLAS_STATUS_INVALID_VALUE;
    const Algorithm chosen = *algorithm;
    submit(stream, [p, chosen, operands] { execute(p, chosen, operands); });
    return CUBLAS_STATUS_SUCCESS;
}
