using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Peer;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    private const int PeerAlignment = 256; // what cuBLASLt takes for granted unless it is told otherwise, and whole tensors have

    /// <summary>Loads cuBLASLt and starts it beside these operations; the caller's, to be disposed of before them.</summary>
    /// <exception cref="CudaException">It was not found (5110) or does not start (5111).</exception>
    public CublasLtPeer CreatePeer()
    {
        Enter();
        return new CublasLtPeer(this, _context);
    }

    /// <summary>The form, operands and result of a product that a peer is asked for; the innermost open scope owns what had to be cast.</summary>
    internal (CublasLtForm Form, CublasLtOperands Operands, Shape Result) Resolve(Tensor x, Weight weight, in Epilogue part)
    {
        const string Operation = nameof(CublasLtPeer);
        Enter();
        ArgumentNullException.ThrowIfNull(weight);
        CudaWeight own = Own(weight, weight.Role == WeightRole.Conv2d ? WeightRole.Conv2d : WeightRole.Linear, Operation, nameof(weight));
        CudaRows rows = own.Rows;
        if (x.Shape[^1] != rows.Depth)
            throw new ShapeException($"{Operation}: x is {x.Shape}, but the rows of weight '{weight.Name}' {weight.Shape} have {rows.Depth} elements.");
        Shape result = x.Shape.WithLast(rows.Count);
        if (!part.Residual.IsEmpty && part.Residual.Shape != result)
            throw new ShapeException($"{Operation}: the residual is {part.Residual.Shape}, wanted {result}.");
        ulong bias = part.Bias is null ? 0 : Narrowed(Own(part.Bias, WeightRole.Vector, Operation, "bias"));
        CublasLtOperands operands = new(Operand(x, Storage, Operation, nameof(x)), own.Address, bias, part.Residual.IsEmpty ? 0 : Operand(part.Residual, Storage, Operation, "residual"));
        if ((operands.X | operands.Weight | operands.Bias | operands.Residual) % PeerAlignment != 0)
            throw new ShapeException($"{Operation}: operands lie at {operands}, wanted multiples of {PeerAlignment} bytes, as whole tensors do.");
        return (new CublasLtForm(Storage, RowsOf(result, Operation), rows.Depth, rows.Count, rows.Stride, bias != 0, operands.Residual != 0, part.Activation), operands, result);
    }

    /// <summary>A tensor of the storage type that <paramref name="compute"/>, given its address, fills.</summary>
    internal Tensor Fill(Shape shape, Action<ulong> compute)
    {
        using TensorScope scope = Scope();
        Tensor y = Allocate(shape, Storage);
        compute(AddressOf(y));
        return scope.Keep(y);
    }

    private ulong Narrowed(CudaWeight vector) => Storage == DType.F32 ? vector.Address : Cast(vector.Address, [vector.Rows.Depth], DType.F32, Storage);
}
