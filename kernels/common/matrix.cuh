// matrix.cuh: products whose source is a matrix: linear.cu and project.cu.
#pragma once
#include "common/product.cuh"

// Row m of a matrix.
template <typename T> struct MatrixRows {
    struct Row {
        const T* start;
        bool inside;
    };
    using Place = int;
    const T* x;
    int rows, depth;

    DEVICE_MEMBER Row row(int m) const { return {x + (m < rows ? (size_t)m * depth : 0), m < rows}; }
    DEVICE_MEMBER Place place(int k) const { return k; }
    DEVICE_MEMBER void next(Place& place, int) const { place += TileDepth; }
    DEVICE_MEMBER void step(Place& place, int) const { place++; }
    DEVICE_MEMBER Found<T> at(const Row& row, Place place) const { return {row.start + place, row.inside}; }
};

// The tile of this block in fp32.
DEVICE void linear(const float* x, const Columns<float>& weight, const Epilogue<float>& epilogue)
{
    const MatrixRows<float> source{x, epilogue.rows, weight.depth};
    float_product(source, weight, epilogue, blockIdx.x * FloatTile, blockIdx.y * FloatTile);
}

// This block's part of its tile in half types; `product` counts the products of the launch.
template <typename T, typename Shape, int Width>
DEVICE void linear(const T* x, const Columns<T>& weight, const Epilogue<T>& epilogue, const Split& split, int product, int part)
{
    DYNAMIC_SHARED(T, shared);
    const MatrixRows<T> source{x, epilogue.rows, weight.depth};
    const int number = (product * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    half_product<T, Shape, Width>(shared, source, weight, epilogue, blockIdx.x * Shape::m, blockIdx.y * Shape::n, split, number, part);
}
