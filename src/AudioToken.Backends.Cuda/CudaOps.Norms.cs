using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    public Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        Shape shape = ResultShape.GroupNorm(x, gamma, beta, groups, activation, skip);
        (int batch, int channels) = (shape[0], shape[^1]);
        int positions = batch == 0 ? 0 : RowsOf(shape) / batch;
        int count = checked(channels / groups * positions); // the kernel counts a group in an int
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y))
            .Add(Operand(x, _storage, nameof(GroupNorm), nameof(x)))
            .Add(OperandOrNull(skip, nameof(GroupNorm), nameof(skip)))
            .Add(Own(gamma, WeightRole.Vector, nameof(GroupNorm), nameof(gamma)).Address)
            .Add(Own(beta, WeightRole.Vector, nameof(GroupNorm), nameof(beta)).Address)
            .Add(positions)
            .Add(x.Shape[^1])
            .Add(skip.IsEmpty ? 0 : skip.Shape[^1])
            .Add(epsilon)
            .Add((int)activation);
        int block = count >= 8192 ? 1024 : count >= 1024 ? 256 : 64;
        Launch(Kernel("group_norm", _storage), new Grid(positions == 0 ? 0 : groups, batch), block, 0, ref arguments);
        return scope.Keep(y);
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon)
    {
        Shape shape = ResultShape.LayerNorm(x, gamma, beta);
        int rows = RowsOf(shape);
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y))
            .Add(Operand(x, _storage, nameof(LayerNorm), nameof(x)))
            .Add(Own(gamma, WeightRole.Vector, nameof(LayerNorm), nameof(gamma)).Address)
            .Add(Own(beta, WeightRole.Vector, nameof(LayerNorm), nameof(beta)).Address)
            .Add(rows)
            .Add(shape[^1])
            .Add(epsilon);
        Launch(Kernel("layer_norm", _storage), new Grid(Blocks(rows, WarpsOfRows)), 32 * WarpsOfRows, 0, ref arguments);
        return scope.Keep(y);
    }
}
