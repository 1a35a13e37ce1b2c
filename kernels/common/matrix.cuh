// matrix.cuh: products whose source is a matrix: linear.cu and project.cu.
#pragma once
#include "common/product.cuh"

// Row m of a matrix.
template <typename T> struct MatrixRows {
    using Row = const T*;
    const T* x;
    int rows, depth;

    DEVICE_MEMBER Row row(int m) const { return m < rows ? x + (size_t)m * depth : nullptr; }
    DEVICE_MEMBER const T* at(Row row, int k) const { return row == nullptr ? nullptr : row + k; }
};

// The tile of this block; fp32 and half types.
DEVICE void linear(const float* x, const Columns<float>& weight, const Epilogue<float>& epilogue)
{
    const MatrixRows<float> source{x, epilogue.rows, weight.depth};
    float_product(source, weight, epilogue, blockIdx.x * FloatTile, blockIdx.y * FloatTile);
}

template <typename T, typename Shape, int Width> DEVICE void linear(const T* x, const Columns<T>& weight, const Epilogue<T>& epilogue)
{
    DYNAMIC_SHARED(T, shared);
    const MatrixRows<T> source{x, epilogue.rows, weight.depth};
    half_product<T, Shape, Width>(shared, source, weight, epilogue, blockIdx.x * Shape::m, blockIdx.y * Shape::n);
}
