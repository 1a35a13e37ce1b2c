using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>A layer norm: <c>ROWSxC</c>.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Channels">Columns.</param>
public sealed record LayerNormCase(int Rows, int Channels) : KernelCase
{
    internal const string Name = "layer-norm";
    internal const string Form = "ROWSxC";
    internal const string Example = "8192x320";

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Rows}x{Channels}");

    /// <inheritdoc/>
    public override double Flops => 0;

    /// <inheritdoc/>
    public override long Elements => checked(2L * Rows * Channels);

    internal static LayerNormCase Read(CaseText text)
    {
        int[] x = text.Extents("ROWSxC", 2);
        return new LayerNormCase(x[0], x[1]);
    }

    /// <inheritdoc/>
    internal override CaseWork Prepare(CaseInputs inputs)
    {
        Tensor x = inputs.Input("x", [Rows, Channels]);
        Weight gamma = inputs.Weight("w.weight", WeightRole.Vector, [Channels]), beta = inputs.Weight("w.bias", WeightRole.Vector, [Channels]);
        return new CaseWork(() => inputs.Ops.LayerNorm(x, gamma, beta, 1e-5f));
    }
}
