using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    private const int ColumnBlock = 128; // threads where each takes a column

    /// <inheritdoc/>
    public Tensor MeanCosine(Tensor x, Tensor y)
    {
        const string File = "mean_cosine";
        Shape shape = ResultShape.MeanCosine(x, y);
        (int batch, int length, int width) = (x.Shape[0], x.Shape[1], x.Shape[2]);
        int rows = Counted((long)batch * length, "rows");
        using TensorScope scope = Scope();
        Tensor s = Allocate(shape, _storage), inverse = Allocate(shape, DType.F32), mean = Allocate([batch, width], DType.F32);
        ulong left = Operand(x, _storage, nameof(MeanCosine), nameof(x)), right = Operand(y, _storage, nameof(MeanCosine), nameof(y));
        Grid rowGrid = new(Blocks(rows, WarpsOfRows));

        KernelArguments arguments = default;
        arguments.Add(AddressOf(inverse)).Add(right).Add(rows).Add(width);
        Launch(Kernel(File, "row_inverse_norm", _storage, ""), rowGrid, 32 * WarpsOfRows, 0, ref arguments);
        arguments = default;
        arguments.Add(AddressOf(mean)).Add(right).Add(AddressOf(inverse)).Add(length).Add(width);
        Launch(Kernel(File, "mean_direction", _storage, ""), new Grid(Blocks(width, ColumnBlock), batch), ColumnBlock, 0, ref arguments);
        arguments = default;
        arguments.Add(AddressOf(s)).Add(left).Add(AddressOf(mean)).Add(rows).Add(length).Add(width);
        Launch(Kernel(File, "mean_cosine", _storage, ""), rowGrid, 32 * WarpsOfRows, 0, ref arguments);
        return scope.Keep(s);
    }

    /// <inheritdoc/>
    public Tensor AttentionPool(Tensor values, Tensor scores)
    {
        Shape shape = ResultShape.AttentionPool(values, scores);
        (int length, int width) = (values.Shape[1], shape[1]);
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, _storage);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y))
            .Add(Operand(values, _storage, nameof(AttentionPool), nameof(values)))
            .Add(Operand(scores, _storage, nameof(AttentionPool), nameof(scores)))
            .Add(length)
            .Add(width);
        Launch(Kernel("attention_pool", _storage), new Grid(Blocks(width, ColumnBlock), shape[0]), ColumnBlock, length * sizeof(float), ref arguments);
        return scope.Keep(y);
    }
}
