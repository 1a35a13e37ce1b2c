using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>Query, key and value of an attention, or key and value: several products of one input with weights of one shape, <c>ROWSxK,N,COUNT[,nobias]</c>.</summary>
/// <param name="Rows">Rows of the input.</param>
/// <param name="Depth">Columns of the input.</param>
/// <param name="Columns">Rows of each weight.</param>
/// <param name="Count">Of weights, two or three.</param>
/// <param name="Bias">Each has one.</param>
public sealed record ProjectCase(int Rows, int Depth, int Columns, int Count, bool Bias) : KernelCase
{
    internal const string Name = "project";
    internal const string Form = "ROWSxK,N,COUNT[,nobias]";
    internal const string Example = "8192x320,320,3,nobias";

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Rows}x{Depth},{Columns},{Count}{(Bias ? "" : ",nobias")}");

    /// <inheritdoc/>
    public override double Flops => 2.0 * Rows * Depth * Columns * Count;

    /// <inheritdoc/>
    public override long Elements => checked((long)Rows * Depth + Count * ((long)Columns * Depth + (long)Rows * Columns));

    /// <summary>The case of a call; null for another number of weights, and for weights that differ in their shape or in having a bias.</summary>
    internal static ProjectCase? Of(Tensor x, ReadOnlySpan<Projection> projections)
    {
        if (!IsCount(projections.Length))
            return null;
        (Weight weight, Weight? bias) = projections[0];
        foreach (Projection other in projections[1..])
        {
            if (other.Weight.Shape != weight.Shape || (other.Bias is null) != (bias is null))
                return null;
        }

        return new ProjectCase(checked((int)x.Shape.Rows), x.Shape[^1], weight.Shape[0], projections.Length, bias is not null);
    }

    internal static ProjectCase Read(CaseText text)
    {
        int[] input = text.Extents("ROWSxK", 2), columns = text.Extents("N", 1), count = text.Extents("COUNT", 1);
        return IsCount(count[0])
            ? new ProjectCase(input[0], input[1], columns[0], count[0], !text.Takes("nobias"))
            : throw text.Refused($"COUNT is {count[0]}, of key and value 2, with the query 3");
    }

    /// <inheritdoc/>
    internal override CaseWork Prepare(CaseInputs inputs)
    {
        Tensor x = inputs.Input("x", [1, Rows, Depth]);
        Projection[] projections = [.. Enumerable.Range(0, Count).Select(i => new Projection(
            inputs.Weight($"w{i}.weight", WeightRole.Linear, [Columns, Depth]), Bias ? inputs.Weight($"b{i}.bias", WeightRole.Vector, [Columns]) : null))];
        Tensor[] results = new Tensor[Count];
        return new CaseWork(
            () => inputs.Ops.Project(x, projections, results),
            [.. projections.Select(each => new CaseProduct(x, each.Weight, new Epilogue(each.Bias), part => inputs.Ops.Linear(x, each.Weight, part)))]);
    }

    private static bool IsCount(int count) => count is 2 or 3;
}
