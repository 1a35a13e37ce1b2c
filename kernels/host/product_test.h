// product_test.h: the forms in which a product's kernel exists, and their launches.
#pragma once
#include "host/operation_test.h"

// As in common/product.cuh.
template <typename T> struct Columns {
    const T* weight;
    int stride, depth;
};

struct Form {
    const char* suffix; // after the storage type
    unsigned m, n, threads;
    size_t shared;

    dim3 grid(int rows, int columns) const { return {(rows + m - 1) / m, (columns + n - 1) / n, 1}; }
};

// All forms of a storage type that suit the operands: packed ones only where rows are whole multiples of 16 bytes.
template <typename T> std::vector<Form> forms(bool packed)
{
    if constexpr (sizeof(T) == 4) return {{"", 64, 64, 256, 0}};
    const auto shared = [](unsigned m, unsigned n) { return size_t{3} * (m + n) * 40 * sizeof(T); };
    std::vector<Form> all = {{"_any", 64, 64, 128, shared(64, 64)}};
    if (packed) {
        all.push_back({"_64x64", 64, 64, 128, shared(64, 64)});
        all.push_back({"_128x160", 128, 160, 256, shared(128, 160)});
    }
    return all;
}
