using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>A product with a weight: <c>ROWSxK,N[,...]</c>; N counts the weight's rows, of which GEGLU gives half as many columns.</summary>
/// <param name="Rows">Rows of the input.</param>
/// <param name="Depth">Columns of the input.</param>
/// <param name="Columns">Rows of the weight.</param>
/// <param name="Epilogue">What else happens to the sums.</param>
public sealed record LinearCase(int Rows, int Depth, int Columns, CaseEpilogue Epilogue) : KernelCase
{
    internal const string Name = "linear";
    internal const string Form = "ROWSxK,N[,nobias][,silu|gelu|quick-gelu|relu|geglu][,residual][,norm]";
    internal const string Example = "8192x320,2560,geglu";

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Rows}x{Depth},{Columns}{Epilogue}");

    /// <inheritdoc/>
    public override double Flops => 2.0 * Rows * Depth * Columns;

    /// <inheritdoc/>
    public override long Elements => checked((long)Rows * Depth + (long)Columns * Depth + (Epilogue.Residual ? 2L : 1L) * Rows * OutputColumns);

    private int OutputColumns => Epilogue.Activation == Activation.Geglu ? Columns / 2 : Columns;

    internal static LinearCase Read(CaseText text)
    {
        int[] input = text.Extents("ROWSxK", 2), columns = text.Extents("N", 1);
        CaseEpilogue epilogue = CaseEpilogue.Read(text);
        if (epilogue.Activation == Activation.Geglu && columns[0] % 2 != 0)
            throw text.Refused($"geglu halves the columns, and {columns[0]} are odd");
        return new LinearCase(input[0], input[1], columns[0], epilogue);
    }

    /// <inheritdoc/>
    internal override Action Prepare(CaseInputs inputs)
    {
        Tensor x = inputs.Input("x", [1, Rows, Depth]); // one sample, as a norm that follows wants to know
        Weight weight = inputs.Weight("w.weight", WeightRole.Linear, [Columns, Depth]);
        Epilogue epilogue = Epilogue.Prepare(inputs, Columns, [1, Rows, OutputColumns]);
        return () => inputs.Ops.Linear(x, weight, epilogue);
    }
}
