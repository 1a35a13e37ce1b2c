using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

// Element by element; a result is fp32 where an operand is, as with sums.
public sealed unsafe partial class CudaOps
{
    /// <inheritdoc/>
    public Tensor ActivateGradient(Tensor x, Activation activation, Tensor dy)
    {
        Shape shape = ResultShape.Activate(x, activation);
        return Pointwise("activate_gradient", x, dy, shape, nameof(ActivateGradient), (int)activation);
    }

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b) => Pointwise("multiply", a, b, a.Shape, nameof(Multiply), null);

    /// <inheritdoc/>
    public Tensor Gate(Tensor sums)
    {
        int columns = Halves(sums, default, nameof(Gate));
        ulong source = Own(sums, nameof(Gate), nameof(sums));
        Tensor y = Allocate(sums.Shape.WithLast(columns), sums.DType);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y)).Add(source).Add((ulong)y.Shape.Count).Add(columns);
        LaunchElements(Kernel("gate", sums.DType), y.Shape.Count, ref arguments);
        return y;
    }

    /// <inheritdoc/>
    public Tensor GateGradient(Tensor sums, Tensor dy)
    {
        const string Name = nameof(GateGradient);
        int columns = Halves(sums, dy, Name);
        DType dtype = Wider(sums, dy);
        using TensorScope scope = Scope();
        Tensor result = Allocate(sums.Shape, dtype);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(result)).Add(Operand(sums, dtype, Name, nameof(sums))).Add(Operand(dy, dtype, Name, nameof(dy))).Add((ulong)dy.Shape.Count).Add(columns);
        LaunchElements(Kernel("gate", "gate_gradient", dtype, ""), dy.Shape.Count, ref arguments);
        return scope.Keep(result);
    }

    /// <inheritdoc/>
    public Tensor Columns(Tensor x, int start, int count)
    {
        ulong source = Own(x, nameof(Columns), nameof(x));
        int all = x.Shape[^1];
        if (start < 0 || count < 0 || start + count > all)
            throw new ShapeException($"{nameof(Columns)}: columns {start} to {start + count} do not lie in {x.Shape}.");
        Tensor y = Allocate(x.Shape.WithLast(count), x.DType);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(y)).Add(source).Add((ulong)y.Shape.Count).Add(all).Add(start).Add(count);
        LaunchElements(Kernel("columns", x.DType), y.Shape.Count, ref arguments);
        return y;
    }

    private Tensor Pointwise(string file, Tensor a, Tensor b, Shape shape, string operation, int? setting)
    {
        if (b.IsEmpty || b.Shape != shape)
            throw new ShapeException($"{operation}: the operands are {a} and {b}; they agree.");
        DType dtype = Wider(a, b);
        using TensorScope scope = Scope();
        Tensor result = Allocate(shape, dtype);
        KernelArguments arguments = default;
        arguments.Add(AddressOf(result)).Add(Operand(a, dtype, operation, "the first operand")).Add(Operand(b, dtype, operation, "the second operand")).Add((ulong)shape.Count);
        if (setting is { } value)
            arguments.Add(value);
        LaunchElements(Kernel(file, dtype), shape.Count, ref arguments);
        return scope.Keep(result);
    }

    private DType Wider(Tensor a, Tensor b) => a.DType == DType.F32 || b.DType == DType.F32 ? DType.F32 : _storage;

    // Columns of the gated half.
    private static int Halves(Tensor sums, Tensor dy, string operation)
    {
        Shape shape = sums.Shape;
        return shape.Rank < 1 || shape[^1] % 2 != 0 || (!dy.IsEmpty && dy.Shape != shape.WithLast(shape[^1] / 2))
            ? throw new ShapeException($"{operation}: the sums are {sums}, dy is {dy}; they want [..., 2 N] and [..., N].")
            : shape[^1] / 2;
    }
}
