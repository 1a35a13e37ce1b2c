// project.cu: several matrix products of one input in one launch: query, key and value of an attention.
//   y_z = x W_z^T + bias_z
// Source    as linear.cu; one launch instead of three, and three times as many tiles to keep a device at work.
// Shapes    x [M, K], weights [N, K] with rows of `stride` elements (a multiple of 8, zero-filled), y_z [M, N].
// Launch    as linear.cu, with as many blocks along z for each product, at most 3, one product after the other; the epilogue's own result
// and bias are not looked at. Cost      as so many products.
#include "common/matrix.cuh"

// What the products do not share.
template <typename T> struct Projections {
    const T* weight[3];
    const float* bias[3]; // null for none
    T* y[3];

    DEVICE_MEMBER void choose(int z, Columns<T>& columns, Epilogue<T>& epilogue) const
    {
        // Not weight[z]: what a run-time index may reach is copied to local memory.
        columns.weight = z == 0 ? weight[0] : z == 1 ? weight[1] : weight[2];
        epilogue.bias = z == 0 ? bias[0] : z == 1 ? bias[1] : bias[2];
        epilogue.y = z == 0 ? y[0] : z == 1 ? y[1] : y[2];
    }
};

KERNEL project_f32(const float* x, const Projections<float> projections, Columns<float> weight, Epilogue<float> epilogue)
{
    projections.choose(blockIdx.z, weight, epilogue);
    linear(x, weight, epilogue);
}
EXPORT(project_f32)

#define TILE(name, T, Shape, Width)                                                                                                        \
    KERNEL THREADS(Shape::threads)                                                                                                         \
        name(const T* x, const Projections<T> projections, Columns<T> weight, Epilogue<T> epilogue, const Split split)                     \
    {                                                                                                                                      \
        const int product = blockIdx.z / split.parts;                                                                                      \
        projections.choose(product, weight, epilogue);                                                                                     \
        linear<T, Shape, Width>(x, weight, epilogue, split, product, blockIdx.z % split.parts);                                            \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T) FOR_EACH_TILE(TILE, project_##suffix, T)
FOR_EACH_HALF(INSTANCE)
