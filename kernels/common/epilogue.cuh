// epilogue.cuh: what a product does with its sums before it stores them.
//   y = scale * act(sum + bias + shift) + residual_scale * residual, in fp32
// Under GEGLU a tile holds value and gate of a channel side by side: its columns 2 c and 2 c + 1 are the weight's rows c and N / 2 + c.
#pragma once
#include "common/activation.cuh"
#include "common/dtype.cuh"

template <typename T> struct Epilogue {
    T* y;              // [rows, y_stride]
    const float* bias; // [columns] or null
    const T* shift;    // [samples, columns] or null
    const T* residual; // as y, or null
    int rows;
    int columns; // of the sums; y has half as many under GEGLU
    int y_stride;
    int rows_per_sample;
    int shift_stride; // 0: one row for all samples
    int activation;
    float scale;
    float residual_scale;
};

// The weight's row behind a column of the tiles.
DEVICE int weight_row(int column, int columns, int activation)
{
    return activation == Geglu ? column / 2 + column % 2 * (columns / 2) : column;
}

template <typename T> DEVICE float shifted(const Epilogue<T>& e, float sum, int row, int weight_row)
{
    if (e.bias != nullptr) sum += e.bias[weight_row];
    if (e.shift != nullptr) sum += to_float(e.shift[(size_t)(row / e.rows_per_sample) * e.shift_stride + weight_row]);
    return sum;
}

template <typename T> DEVICE float finished(const Epilogue<T>& e, float value, size_t at)
{
    value *= e.scale;
    return e.residual == nullptr ? value : value + e.residual_scale * to_float(e.residual[at]);
}

// Stores the sums of columns `column` (even) and `column` + 1, which a thread of a tile always has together.
template <typename T> DEVICE void store_pair(const Epilogue<T>& e, int row, int column, float first, float second)
{
    if (row >= e.rows || column >= e.columns) return;
    if (e.activation == Geglu) {
        const int half = e.columns / 2, c = column / 2;
        const size_t at = (size_t)row * e.y_stride + c;
        e.y[at] = from_float<T>(finished(e, shifted(e, first, row, c) * gelu(shifted(e, second, row, half + c)), at));
        return;
    }
    const size_t at = (size_t)row * e.y_stride + column;
    e.y[at] = from_float<T>(finished(e, activated(shifted(e, first, row, column), e.activation), at));
    if (column + 1 < e.columns)
        e.y[at + 1] = from_float<T>(finished(e, activated(shifted(e, second, row, column + 1), e.activation), at + 1));
}
