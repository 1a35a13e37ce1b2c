// select_rows.cu: the rows of several tables that belong to a step which the device counts.
//   row_t[c] = table_t[step, c]
// Shapes    table_t [S, columns_t], row_t [columns_t]; step [1], less than S.
// Launch    grid (any, tables), any one-dimensional block: threads stride over the columns of a table.
// Cost      one read and one write of a row; a few thousand elements.
#include "common/dtype.cuh"

constexpr int MaxTables = 32; // CudaOps.MaxTables

template <typename T> struct Tables {
    const T* table[MaxTables];
    T* row[MaxTables];
    int columns[MaxTables];
};

template <typename T> DEVICE void select_rows(const Tables<T>& tables, const int* step)
{
    const int t = blockIdx.y, columns = tables.columns[t];
    const T* const from = tables.table[t] + (size_t)*step * columns;
    T* const to = tables.row[t];
    for (unsigned c = blockIdx.x * blockDim.x + threadIdx.x; c < (unsigned)columns; c += gridDim.x * blockDim.x)
        to[c] = from[c];
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL select_rows_##suffix(const Tables<T> tables, const int* step)                                                                   \
    {                                                                                                                                      \
        select_rows(tables, step);                                                                                                         \
    }                                                                                                                                      \
    EXPORT(select_rows_##suffix)
FOR_EACH_FLOAT(INSTANCE)
