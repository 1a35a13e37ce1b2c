using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        GemmProblem problem = LinearProblem(x, weight, epilogue, out float* rows, out CpuWeight own, out Shape shape);

        // Values and gates meet in a tile if both halves begin with a panel; odd widths take two passes.
        if (problem.IsGated && problem.Packed.Columns / 2 % problem.Packed.PanelWidth != 0)
            return LinearThenGate(rows, own, problem, shape);

        Tensor y = Allocate(shape);
        using TensorScope scope = Scope();
        problem.Weight = Widened(own, problem.Rows);
        problem.Output = Data(y, nameof(Linear), nameof(y));
        Multiply([problem], new MatrixRows(rows, problem.Packed.Depth, 0), SampleRows(shape));
        return y;
    }

    /// <inheritdoc/>
    public void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        Span<GemmProblem> problems = stackalloc GemmProblem[projections.Length];
        float* rows = null;
        Shape shape = x.Shape;
        for (int i = 0; i < projections.Length; i++)
        {
            problems[i] = LinearProblem(x, projections[i].Weight, new Epilogue(projections[i].Bias), out rows, out _, out shape);
            results[i] = Allocate(shape);
            problems[i].Output = Data(results[i], nameof(Project), nameof(results));
        }

        using TensorScope scope = Scope();
        for (int i = 0; i < projections.Length; i++)
            problems[i].Weight = Widened((CpuWeight)projections[i].Weight, problems[i].Rows);
        if (!problems.IsEmpty)
            Multiply(problems, new MatrixRows(rows, x.Shape[^1], 0), SampleRows(shape));
    }

    // All of a product but its right-hand side and where its result goes.
    private GemmProblem LinearProblem(Tensor x, Weight weight, in Epilogue epilogue, out float* rows, out CpuWeight own, out Shape shape)
    {
        shape = ResultShape.Linear(x, weight, epilogue);
        rows = Data(x, nameof(Linear), nameof(x));
        own = Own(weight, WeightRole.Linear, nameof(Linear), nameof(weight));
        return new GemmProblem
        {
            Rows = RowsOf(shape),
            Packed = own.Packed,
            OutputStride = shape[^1],
            Epilogue = Resolve(epilogue, shape, own.Packed.Columns, nameof(Linear)),
        };
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

    private static long SampleRows(Shape shape) => RowsOf(shape) / Math.Max(1, shape[0]);

    private static long RowsOf(Shape shape)
    {
        long rows = 1;
        for (int i = 0; i < shape.Rank - 1; i++)
            rows *= shape[i];
        return rows;
    }
}
