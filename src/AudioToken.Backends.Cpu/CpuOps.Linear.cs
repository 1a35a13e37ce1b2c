using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Shape shape = ResultShape.Linear(x, weight, epilogue);
        float* rows = Data(x, nameof(Linear), nameof(x));
        CpuWeight own = Own(weight, WeightRole.Linear, nameof(Linear), nameof(weight));
        PackedShape packed = own.Packed;
        bool gated = epilogue.Activation == Activation.Geglu;
        GemmProblem problem = new()
        {
            Rows = RowsOf(shape),
            Packed = packed,
            OutputStride = shape[^1],
            Epilogue = Resolve(epilogue, shape, packed.Columns, nameof(Linear)),
        };

        // Values and gates meet in a tile if both halves begin with a panel; odd widths take two passes.
        if (gated && packed.Columns / 2 % packed.PanelWidth != 0)
            return LinearThenGate(rows, own, problem, shape);

        Tensor y = Allocate(shape);
        using TensorScope scope = Scope();
        problem.Weight = Widened(own, problem.Rows);
        problem.Output = Data(y, nameof(Linear), nameof(y));
        _engine.Multiply(_workers, problem, new MatrixRows(rows, packed.Depth, 0));
        return y;
    }

    private Tensor LinearThenGate(float* rows, CpuWeight own, GemmProblem problem, Shape shape)
    {
        Tensor y = Allocate(shape);
        using TensorScope scope = Scope();
        int columns = problem.Packed.Columns;
        TileEpilogue gate = problem.Epilogue;
        problem.Weight = Widened(own, problem.Rows);
        problem.Epilogue = TileEpilogue.None;
        Tensor sums = Allocate([checked((int)problem.Rows), columns]);
        problem.Output = Data(sums, nameof(Linear), nameof(sums));
        problem.OutputStride = columns;
        _engine.Multiply(_workers, problem, new MatrixRows(rows, problem.Packed.Depth, 0));
        float* output = Data(y, nameof(Linear), nameof(y));
        for (long r = 0; r < problem.Rows && !_counts; r++)
        {
            float* sum = problem.Output + r * columns;
            gate.FinishRows<Lanes1, float>(r, 1, 0, columns / 2, sum, sum + columns / 2, columns, output, columns / 2);
        }

        return y;
    }

    /// <summary>Takes the addresses of an epilogue's operands, whose shapes have been checked.</summary>
    private TileEpilogue Resolve(in Epilogue epilogue, Shape result, int columns, string operation)
    {
        bool shared = epilogue.ChannelShift.IsEmpty || epilogue.ChannelShift.Shape[0] == 1;
        return new TileEpilogue
        {
            Bias = epilogue.Bias is null ? null : Vector(epilogue.Bias, columns, operation, "bias"),
            Shift = DataOrNull(epilogue.ChannelShift, operation, "channel shift"),
            ShiftStride = shared ? 0 : columns,
            RowsPerSample = shared ? 1 : Math.Max(1, RowsOf(result) / Math.Max(1, result[0])),
            Residual = DataOrNull(epilogue.Residual, operation, "residual"),
            Activation = epilogue.Activation,
            Scale = epilogue.EffectiveScale,
            ResidualScale = epilogue.EffectiveResidualScale,
            GateDistance = columns / 2,
        };
    }

    private static long RowsOf(Shape shape)
    {
        long rows = 1;
        for (int i = 0; i < shape.Rank - 1; i++)
            rows *= shape[i];
        return rows;
    }
}
