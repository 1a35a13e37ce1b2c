using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        float* rows = Data(x, nameof(Linear), nameof(x));
        CpuWeight own = Own(weight, WeightRole.Linear, nameof(Linear), nameof(weight));
        PackedShape packed = own.Packed;
        if (x.Shape.Rank == 0 || x.Shape[^1] != packed.Depth)
            throw new ShapeException($"Linear: x is {x.Shape}, but '{own.Name}' is {own.Shape}; the innermost extents differ.");
        bool gated = epilogue.Activation == Activation.Geglu;
        if (gated && packed.Columns % 2 != 0)
            throw new ShapeException($"Linear: GEGLU halves the columns, but '{own.Name}' is {own.Shape}.");

        Shape shape = x.Shape.WithLast(gated ? packed.Columns / 2 : packed.Columns);
        GemmProblem problem = new()
        {
            Rows = x.Shape.Count / Math.Max(1, packed.Depth),
            Weight = own.Data,
            Packed = packed,
            OutputStride = shape[^1],
            Epilogue = Resolve(epilogue, shape, packed.Columns, nameof(Linear)),
        };
        if (packed.Depth == 0)
            problem.Rows = RowsOf(shape);

        // Values and gates meet in a tile if both halves begin with a panel; odd widths take two passes.
        if (gated && packed.Columns / 2 % packed.PanelWidth != 0)
            return LinearThenGate(rows, problem, shape);

        Tensor y = Allocate(shape);
        problem.Output = Data(y, nameof(Linear), nameof(y));
        _engine.Multiply(_workers, problem, new MatrixRows(rows, packed.Depth, 0));
        return y;
    }

    private Tensor LinearThenGate(float* rows, GemmProblem problem, Shape shape)
    {
        Tensor y = Allocate(shape);
        using TensorScope scope = Scope();
        int columns = problem.Packed.Columns;
        TileEpilogue gate = problem.Epilogue;
        problem.Epilogue = default(TileEpilogue) with { Scale = 1 };
        Tensor sums = Allocate([checked((int)problem.Rows), columns]);
        problem.Output = Data(sums, nameof(Linear), nameof(sums));
        problem.OutputStride = columns;
        _engine.Multiply(_workers, problem, new MatrixRows(rows, problem.Packed.Depth, 0));
        float* output = Data(y, nameof(Linear), nameof(y));
        for (long r = 0; r < problem.Rows; r++)
        {
            float* sum = problem.Output + r * columns;
            gate.FinishRow<Lanes1, float>(r, 0, columns / 2, sum, sum + columns / 2, output, columns / 2);
        }

        return y;
    }

    /// <summary>Checks an epilogue against its result and takes the addresses.</summary>
    private TileEpilogue Resolve(in Epilogue epilogue, Shape result, int columns, string operation)
    {
        bool gated = epilogue.Activation == Activation.Geglu;
        if (gated && operation != nameof(Linear))
            throw new ShapeException($"{operation}: GEGLU is an epilogue of Linear only.");
        TileEpilogue tile = new()
        {
            Bias = epilogue.Bias is null ? null : Vector(epilogue.Bias, columns, operation, "bias"),
            Shift = DataOrNull(epilogue.ChannelShift, operation, "channel shift"),
            Residual = DataOrNull(epilogue.Residual, operation, "residual"),
            RowsPerSample = 1,
            Activation = epilogue.Activation,
            Scale = epilogue.EffectiveScale,
            ResidualScale = epilogue.EffectiveResidualScale,
            GateDistance = columns / 2,
        };
        if (tile.Residual is not null && epilogue.Residual.Shape != result)
            throw new ShapeException($"{operation}: the residual is {epilogue.Residual.Shape}, the result {result}.");
        if (tile.Shift is not null)
        {
            int samples = result.Rank < 2 ? 1 : result[0];
            Shape shift = epilogue.ChannelShift.Shape;
            if (shift.Rank != 2 || shift[1] != columns || (shift[0] != samples && shift[0] != 1))
                throw new ShapeException($"{operation}: the channel shift is {shift}, wanted [{samples}, {columns}] or [1, {columns}].");
            tile.ShiftStride = shift[0] == 1 ? 0 : columns;
            tile.RowsPerSample = Math.Max(1, RowsOf(result) / Math.Max(1, samples));
        }

        return tile;
    }

    private static long RowsOf(Shape shape)
    {
        long rows = 1;
        for (int i = 0; i < shape.Rank - 1; i++)
            rows *= shape[i];
        return rows;
    }
}
