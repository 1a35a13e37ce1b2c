using AudioToken.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor ActivateGradient(Tensor x, Activation activation, Tensor dy)
    {
        const string Name = nameof(ActivateGradient);
        Alike(x, dy, Name);
        ActivationGradientBody body = new()
        {
            X = Data(x, Name, nameof(x)),
            Dy = Data(dy, Name, nameof(dy)),
            Count = x.Shape.Count,
            Activation = activation,
        };
        Tensor dx = Allocate(ResultShape.Activate(x, activation));
        body.Dx = Data(dx, Name, nameof(dx));
        _workers.Run(body.Parts, body);
        return dx;
    }

    /// <inheritdoc/>
    public Tensor Gate(Tensor sums) => Gate(sums, default, nameof(Gate));

    /// <inheritdoc/>
    public Tensor GateGradient(Tensor sums, Tensor dy) => Gate(sums, dy, nameof(GateGradient));

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b)
    {
        const string Name = nameof(Multiply);
        Alike(a, b, Name);
        float* left = Data(a, Name, nameof(a)), right = Data(b, Name, nameof(b));
        Tensor result = Allocate(a.Shape);
        float* y = Data(result, Name, nameof(result));
        for (long start = 0; start < a.Shape.Count; start += SpanPart)
        {
            int count = (int)Math.Min(SpanPart, a.Shape.Count - start);
            TensorPrimitives.Multiply(new ReadOnlySpan<float>(left + start, count), new ReadOnlySpan<float>(right + start, count), new Span<float>(y + start, count));
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor Columns(Tensor x, int start, int count)
    {
        const string Name = nameof(Columns);
        float* from = Data(x, Name, nameof(x));
        int all = x.Shape[^1];
        if (start < 0 || count < 0 || start + count > all)
            throw new ShapeException($"{Name}: columns {start} to {start + count} do not lie in {x.Shape}.");
        Tensor result = Allocate(x.Shape.WithLast(count));
        RowCopyBody body = new()
        {
            From = from + start, To = Data(result, Name, nameof(result)), Rows = RowsOf(x.Shape), FromStride = all, ToStride = count, Columns = count,
        };
        _workers.Run(body.Parts, body);
        return result;
    }

    private Tensor Gate(Tensor sums, Tensor dy, string operation)
    {
        Shape shape = sums.Shape;
        if (shape.Rank < 1 || shape[^1] % 2 != 0 || (!dy.IsEmpty && dy.Shape != shape.WithLast(shape[^1] / 2)))
            throw new ShapeException($"{operation}: the sums are {sums}, dy is {dy}; they want [..., 2 N] and [..., N].");
        int columns = shape[^1] / 2;
        GateBody body = new()
        {
            Sums = Data(sums, operation, nameof(sums)),
            Dy = DataOrNull(dy, operation, nameof(dy)),
            Rows = RowsOf(shape),
            Columns = columns,
            ChunkRows = Math.Max(1, NormChunk / Math.Max(columns, 1)),
        };
        Tensor result = Allocate(dy.IsEmpty ? shape.WithLast(columns) : shape);
        body.Result = Data(result, operation, nameof(result));
        _workers.Run(checked((int)((body.Rows + body.ChunkRows - 1) / body.ChunkRows)), body);
        return result;
    }

    private static void Alike(Tensor a, Tensor b, string operation)
    {
        if (a.Shape != b.Shape)
            throw new ShapeException($"{operation}: the operands are {a} and {b}; they agree.");
    }
}
