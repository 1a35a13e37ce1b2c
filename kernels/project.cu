// project.cu: several matrix products of one input in one launch: query, key and value of an attention.
//   y_z = x W_z^T + bias_z
// Source    as linear.cu; one launch instead of three, and three times as many tiles to keep a device at work.
// Shapes    x [M, K], weights [N, K] with rows of `stride` elements (a multiple of 8, zero-filled), y_z [M, N].
// Launch    as linear.cu, with one block along z for each product, at most 3; the epilogue's own result and bias are not looked at.
// Cost      as so many products.
#include "common/matrix.cuh"

// What the products do not share.
template <typename T> struct Projections {
    const T* weight[3];
    const float* bias[3]; // null for none
    T* y[3];

    DEVICE_MEMBER void choose(int z, Columns<T>& columns, Epilogue<T>& epilogue) const
    {
        columns.weight = weight[z];
        epilogue.bias = bias[z];
        epilogue.y = y[z];
    }
};

KERNEL project_f32(const float* x, const Projections<float> projections, Columns<float> weight, Epilogue<float> epilogue)
{
    projections.choose(blockIdx.z, weight, epilogue);
    linear(x, weight, epilogue);
}
EXPORT(project_f32)

#define TILE(name, T, Shape, Width)                                                                                                        \
    KERNEL name(const T* x, const Projections<T> projections, Columns<T> weight, Epilogue<T> epilogue)                                     \
    {                                                                                                                                      \
        projections.choose(blockIdx.z, weight, epilogue);                                                                                  \
        linear<T, Shape, Width>(x, weight, epilogue);                                                                                      \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    TILE(project_##suffix##_any, T, SmallTile, 1)                                                                                          \
    TILE(project_##suffix##_64x64, T, SmallTile, 8)                                                                                        \
    TILE(project_##suffix##_128x160, T, WideTile, 8)
FOR_EACH_HALF(INSTANCE)
