// epilogue.cuh: what a product does with its sums before it stores them.
//   y = scale * act(sum + bias + more_bias + shift) + residual_scale * residual, in fp32
// The rows of four products may be interleaved in one result: where each pixel of a map becomes four, each of a product of its own.
// Under GEGLU a tile holds value and gate of a channel side by side: its columns 2 c and 2 c + 1 are the weight's rows c and N / 2 + c.
#pragma once
#include "common/activation.cuh"
#include "common/dtype.cuh"

template <typename T> struct Epilogue {
    T* y;                   // [rows, y_stride]
    const float* bias;      // [columns] or null
    const float* more_bias; // the same of a second product that is in the sums, too
    const T* shift;         // [samples, columns] or null
    const T* residual;      // as y, or null
    int rows;
    int columns; // of the sums; y has half as many under GEGLU
    int y_stride;
    int rows_per_sample;
    int shift_stride; // 0: one row for all samples
    int activation;
    float scale;
    float residual_scale;
    int moment_rows;   // those of a tile, or 64: all of one sample
    int doubled_width; // of the map whose pixels, the rows, become four results each; 0: rows are those of the result
    int phase;         // which of the four: 0 above left, 1 above right, 2 below left, 3 below right
    float2* moments;   // [rows / moment_rows, phases, columns] or null: of the stored results, mean and squares about it; not under GEGLU
};

constexpr int Phases = 4; // results of a pixel of a map that is doubled

// Where a row lies in the result: pixel (y, x) of all samples' rows becomes (2 y + phase / 2, 2 x + phase % 2).
template <typename T> DEVICE int result_row(const Epilogue<T>& e, int row)
{
    if (e.doubled_width == 0) return row;
    const int y = row / e.doubled_width;
    return 2 * (row + (y + e.phase / 2) * e.doubled_width) + e.phase % 2;
}

// The weight's row behind a column of the tiles.
DEVICE int weight_row(int column, int columns, int activation)
{
    return activation == Geglu ? column / 2 + column % 2 * (columns / 2) : column;
}

template <typename T> DEVICE float shifted(const Epilogue<T>& e, float sum, int row, int weight_row)
{
    if (e.bias != nullptr) sum += e.bias[weight_row];
    if (e.more_bias != nullptr) sum += e.more_bias[weight_row];
    if (e.shift != nullptr) sum += to_float(e.shift[(size_t)(row / e.rows_per_sample) * e.shift_stride + weight_row]);
    return sum;
}

template <typename T> DEVICE float finished(const Epilogue<T>& e, float value, size_t at)
{
    value *= e.scale;
    return e.residual == nullptr ? value : value + e.residual_scale * to_float(e.residual[at]);
}

// Stores a value, and makes it what was stored.
template <typename T> DEVICE void store_rounded(T& to, float& value)
{
    to = from_float<T>(value);
    value = to_float(to);
}

// Stores the results of columns `column` (even) and `column` + 1, whose sums a thread of a tile always has together; but under GEGLU it
// leaves the results in place of the sums.
template <typename T> DEVICE void store_pair(const Epilogue<T>& e, int row, int column, float& first, float& second)
{
    if (row >= e.rows || column >= e.columns) return;
    if (e.activation == Geglu) {
        const int half = e.columns / 2, c = column / 2;
        const size_t at = (size_t)result_row(e, row) * e.y_stride + c;
        e.y[at] = from_float<T>(finished(e, shifted(e, first, row, c) * gelu(shifted(e, second, row, half + c)), at));
        return;
    }
    const size_t at = (size_t)result_row(e, row) * e.y_stride + column;
    first = finished(e, activated(shifted(e, first, row, column), e.activation), at);
    store_rounded(e.y[at], first);
    if (column + 1 < e.columns) {
        second = finished(e, activated(shifted(e, second, row, column + 1), e.activation), at + 1);
        store_rounded(e.y[at + 1], second);
    }
}

template <typename T> DEVICE bool packs(const T* row, int stride)
{
    return is_packed(row) && stride % 8 == 0;
}

// Eight neighbours, in fp32.
template <typename T> DEVICE void load_eight_floats(float (&to)[8], const T* from)
{
#pragma unroll
    for (int i = 0; i < 8; i += Pack<T>::count) {
        const Pack<T> pack = load_pack(from + i);
#pragma unroll
        for (int j = 0; j < Pack<T>::count; j++)
            to[i + j] = to_float(pack.v[j]);
    }
}

// Stores eight neighbours of the result at a time, where all addresses allow accesses of 16 bytes. For half types.
template <typename T> struct EightColumns {
    const Epilogue<T>& e;
    bool packed;

    DEVICE_MEMBER explicit EightColumns(const Epilogue<T>& epilogue) : e(epilogue)
    {
        const int columns = e.activation == Geglu ? e.columns / 2 : e.columns;
        packed = columns % 8 == 0 && packs(e.y, e.y_stride) && packs(e.residual, e.y_stride) && packs(e.bias, e.columns) &&
                 packs(e.more_bias, e.columns) && packs(e.shift, e.shift_stride);
    }

    // What a result needs of the residual, which takes its time to come.
    struct Before {
        Pack<T> residual[8 / Pack<T>::count];
    };

    DEVICE_MEMBER Before before(int row, int column, bool inside) const
    {
        Before result = {};
        if (e.residual != nullptr && inside && row < e.rows && column < e.columns) {
            const T* from = e.residual + (size_t)result_row(e, row) * e.y_stride + (e.activation == Geglu ? column / 2 : column);
#pragma unroll
            for (int i = 0; i < 8 / Pack<T>::count; i++)
                result.residual[i] = load_pack(from + i * Pack<T>::count);
        }
        return result;
    }

    // The sums of columns `column` (a multiple of 8, or of 16 under GEGLU) and on; what is stored also goes to `kept`, unless that is null.
    DEVICE_MEMBER void store(const float (&sum)[16], int row, int column, const Before& before, float* kept) const
    {
        const bool gated = e.activation == Geglu;
        if (row >= e.rows || column >= e.columns) return;
        float value[8];
        if (gated) {
            const int c = column / 2;
            float gate[8];
#pragma unroll
            for (int i = 0; i < 8; i++) {
                value[i] = sum[2 * i];
                gate[i] = sum[2 * i + 1];
            }
            shift(value, row, c);
            shift(gate, row, e.columns / 2 + c);
#pragma unroll
            for (int i = 0; i < 8; i++)
                value[i] *= gelu_rounded(gate[i]);
            column = c;
        } else {
#pragma unroll
            for (int i = 0; i < 8; i++)
                value[i] = sum[i];
            shift(value, row, column);
            activate_rounded(value, e.activation);
        }
        T* const y = e.y + (size_t)result_row(e, row) * e.y_stride + column;
#pragma unroll
        for (int i = 0; i < 8 / Pack<T>::count; i++) {
            Pack<T> pack;
#pragma unroll
            for (int j = 0; j < Pack<T>::count; j++)
                pack.v[j] = from_float<T>(e.scale * value[i * Pack<T>::count + j] + e.residual_scale * to_float(before.residual[i].v[j]));
            store_pack(y + i * Pack<T>::count, pack);
            if (kept != nullptr) {
#pragma unroll
                for (int j = 0; j < Pack<T>::count; j += 4)
                    *reinterpret_cast<float4*>(kept + i * Pack<T>::count + j) =
                        make_float4(to_float(pack.v[j]), to_float(pack.v[j + 1]), to_float(pack.v[j + 2]), to_float(pack.v[j + 3]));
            }
        }
    }

  private:
    DEVICE_MEMBER void shift(float (&value)[8], int row, int weight_row) const
    {
        if (e.bias != nullptr) add(value, e.bias + weight_row);
        if (e.more_bias != nullptr) add(value, e.more_bias + weight_row);
        if (e.shift != nullptr) add(value, e.shift + (size_t)(row / e.rows_per_sample) * e.shift_stride + weight_row);
    }

    template <typename U> static DEVICE_MEMBER void add(float (&value)[8], const U* from)
    {
        float more[8];
        load_eight_floats(more, from);
#pragma unroll
        for (int i = 0; i < 8; i++)
            value[i] += more[i];
    }
};
