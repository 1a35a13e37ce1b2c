using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>A product with a weight: <c>ROWSxK,N[,...]</c>; N counts the weight's rows, of which GEGLU gives half as many columns. Or two, one behind the other.</summary>
/// <param name="Rows">Rows of the input.</param>
/// <param name="Depth">Columns of the input.</param>
/// <param name="Columns">Rows of the weight.</param>
/// <param name="Epilogue">What else happens to the sums.</param>
public sealed record LinearCase(int Rows, int Depth, int Columns, CaseEpilogue Epilogue) : KernelCase
{
    internal const string Name = "linear";
    internal const string Form = "ROWSxK,N[,throughM][,nobias][,silu|gelu|quick-gelu|relu|geglu][,residual][,norm]";
    internal const string Example = "8192x320,2560,geglu";

    /// <summary>Columns between two layers, to which a residual is added there; 0 for one layer.</summary>
    public int Through { get; init; }

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Rows}x{Depth},{Columns}{(Through > 0 ? $",through{Through}" : "")}{Epilogue}");

    /// <inheritdoc/>
    public override double Flops => 2.0 * Rows * WeightElements;

    /// <inheritdoc/>
    public override long Elements => checked((long)Rows * (Depth + Through) + WeightElements + (Epilogue.Residual ? 2L : 1L) * Rows * OutputColumns);

    private long WeightElements => Through > 0 ? (long)Through * (Depth + Columns) : (long)Depth * Columns;

    private int OutputColumns => Epilogue.Activation == Activation.Geglu ? Columns / 2 : Columns;

    /// <summary>The case of a call.</summary>
    internal static LinearCase Of(Tensor x, Weight weight, in Epilogue epilogue) => new(checked((int)x.Shape.Rows), x.Shape[^1], weight.Shape[0], CaseEpilogue.Of(epilogue));

    /// <summary>The same of two layers.</summary>
    internal static LinearCase Of(Tensor x, in LinearChain chain, in Epilogue epilogue) =>
        Of(x, chain.Second.Weight, epilogue with { Bias = chain.Second.Bias }) with { Through = chain.Second.Weight.Shape[1] };

    internal static LinearCase Read(CaseText text)
    {
        int[] input = text.Extents("ROWSxK", 2), columns = text.Extents("N", 1), through = text.Takes("through", 1);
        CaseEpilogue epilogue = CaseEpilogue.Read(text);
        if (epilogue.Activation == Activation.Geglu && columns[0] % 2 != 0)
            throw text.Refused($"geglu halves the columns, and {columns[0]} are odd");
        if (epilogue.Activation == Activation.Geglu && through[0] > 0)
            throw text.Refused("geglu goes with one layer alone");
        return new LinearCase(input[0], input[1], columns[0], epilogue) { Through = through[0] };
    }

    /// <inheritdoc/>
    internal override CaseWork Prepare(CaseInputs inputs)
    {
        Tensor x = inputs.Input("x", [1, Rows, Depth]); // one sample, as a norm that follows wants to know
        Weight weight = inputs.Weight("w.weight", WeightRole.Linear, [Columns, Through > 0 ? Through : Depth]);
        Epilogue epilogue = Epilogue.Prepare(inputs, Columns, [1, Rows, OutputColumns]);
        if (Through == 0)
            return new CaseWork(() => inputs.Ops.Linear(x, weight, epilogue), new CaseProduct(x, weight, epilogue, part => inputs.Ops.Linear(x, weight, part)));
        Tensor residual = inputs.Input("between", [1, Rows, Through]);
        Weight first = inputs.Weight("first.weight", WeightRole.Linear, [Through, Depth]);
        Weight? bias = Epilogue.Bias ? inputs.Weight("first.bias", WeightRole.Vector, [Through]) : null;
        LinearChain chain = new(new(first, bias), new(weight, epilogue.Bias));
        inputs.Ops.Prepare(chain);
        Epilogue end = epilogue with { Bias = null };
        return new CaseWork(() => inputs.Ops.LinearChain(x, chain, residual, end));
    }
}
