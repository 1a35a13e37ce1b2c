// product_test.h: the forms in which a product's kernel exists, and their launches.
#pragma once
#include "host/operation_test.h"

// As in common/product.cuh.
template <typename T> struct Columns {
    const T* weight;
    int stride, depth;
};

// As in conv2d.cu.
template <typename T> struct Shortcut {
    const T* x;
    const T* skip;
    int x_channels, skip_channels;
};

template <typename T> struct JoinedColumns {
    Columns<T> first, second;
    int start, depth;
};

struct Split {
    float* partial;
    int* arrived;
    int parts;
};

struct Form {
    const char* suffix; // after the storage type
    unsigned m, n, threads;
    size_t shared;
    int parts = 1;

    dim3 grid(int rows, int columns) const { return {(rows + m - 1) / m, (columns + n - 1) / n, static_cast<unsigned>(parts)}; }
};

// What the parts of a split sum share: counters are zero before a launch, and must be after it.
struct Parts {
    std::vector<float> partial;
    std::vector<int> arrived;
    Split split;

    Parts(const Form& form, int rows, int columns, int products = 1) : split{nullptr, nullptr, form.parts}
    {
        const dim3 grid = form.grid(rows, columns);
        const size_t tiles = static_cast<size_t>(grid.x) * grid.y * products;
        partial = unwritten<float>(tiles * form.parts * form.m * form.n);
        arrived.assign(tiles, 0);
        split.partial = partial.data();
        split.arrived = arrived.data();
    }

    void hold() const
    {
        for (const int count : arrived)
            check(count == 0, "a split sum leaves its counter at " + std::to_string(count));
    }
};

// All forms of a storage type that suit the operands: packed ones only where rows are whole multiples of 16 bytes.
template <typename T> std::vector<Form> forms(bool packed)
{
    if constexpr (sizeof(T) == 4) return {{"", 64, 64, 256, 0}};
    const auto form = [](const char* suffix, unsigned m, unsigned n, unsigned threads, unsigned stages, int parts = 1) {
        return Form{suffix, m, n, threads, std::max<size_t>(size_t{stages} * (m + n) * 128, size_t{m} * (n + 8) * 4), parts};
    };
    std::vector<Form> all = {form("_any", 64, 64, 128, 3), form("_any", 64, 64, 128, 3, 2)};
    if (packed) {
#if defined(__SANITIZE_THREAD__) // slow, and whole sums meet nobody
        const std::vector<int> splits = {3};
#else
        const std::vector<int> splits = {1, 3};
#endif
        for (const int parts : splits) {
            all.push_back(form("_64x64", 64, 64, 128, 3, parts));
            all.push_back(form("_128x80", 128, 80, 128, 3, parts));
            all.push_back(form("_128x160", 128, 160, 256, 4, parts));
            all.push_back(form("_g64x64", 64, 64, 128, 4, parts));
            all.push_back(form("_g64x80", 64, 80, 128, 4, parts));
            all.push_back(form("_g64x160", 64, 160, 128, 4, parts));
            all.push_back(form("_g128x128", 128, 128, 256, 4, parts));
            all.push_back(form("_g128x160", 128, 160, 256, 4, parts));
        }
    }
    return all;
}

// The forms of the operations that have small tiles alone, and split no sums.
template <typename T> std::vector<Form> narrow_forms(bool packed)
{
    if constexpr (sizeof(T) == 4) return forms<T>(packed);
    std::vector<Form> narrow;
    for (const Form& form : forms<T>(packed))
        if (form.parts == 1 && (form.suffix == std::string("_any") || form.suffix == std::string("_64x64"))) narrow.push_back(form);
    return narrow;
}
