using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>A group norm: <c>BxPxC[+SKIP],GROUPS[,silu][,told]</c>, P the positions.</summary>
/// <param name="Batch">Samples.</param>
/// <param name="Positions">Height times width.</param>
/// <param name="Channels">Of the first source.</param>
/// <param name="Skip">Channels of the second source; 0 for none.</param>
/// <param name="Groups">A divisor of all channels.</param>
/// <param name="Silu">SiLU afterwards.</param>
/// <param name="Told">Products made the sources and were told that a norm follows.</param>
public sealed record GroupNormCase(int Batch, int Positions, int Channels, int Skip, int Groups, bool Silu, bool Told) : KernelCase
{
    internal const string Name = "group-norm";
    internal const string Form = "BxPxC[+SKIP],GROUPS[,silu][,told]";
    internal const string Example = "2x4096x320,32,silu";

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Batch}x{Positions}x{Channels}{(Skip > 0 ? $"+{Skip}" : "")},{Groups}{(Silu ? ",silu" : "")}{(Told ? ",told" : "")}");

    /// <inheritdoc/>
    public override double Flops => 0;

    /// <inheritdoc/>
    public override long Elements => checked(2L * Batch * Positions * (Channels + Skip));

    internal static GroupNormCase Of(Tensor x, int groups, Activation activation, Tensor skip, bool told) => new(
        x.Shape[0], checked((int)(x.Shape.Rows / x.Shape[0])), x.Shape[^1], skip.IsEmpty ? 0 : skip.Shape[^1], groups, activation == Activation.Silu, told);

    internal static GroupNormCase Read(CaseText text)
    {
        (int[] x, int skip) = text.ExtentsAndSkip("BxPxC", 3);
        int[] groups = text.Extents("GROUPS", 1);
        return (x[2] + skip) % groups[0] == 0
            ? new GroupNormCase(x[0], x[1], x[2], skip, groups[0], text.Takes("silu"), text.Takes("told"))
            : throw text.Refused($"{groups[0]} groups do not divide {x[2] + skip} channels");
    }

    /// <inheritdoc/>
    internal override CaseWork Prepare(CaseInputs inputs)
    {
        Tensor x = Source("x", Channels), skip = Skip > 0 ? Source("skip", Skip) : default;
        Weight gamma = inputs.Weight("w.weight", WeightRole.Vector, [Channels + Skip]), beta = inputs.Weight("w.bias", WeightRole.Vector, [Channels + Skip]);
        return new CaseWork(() => inputs.Ops.GroupNorm(x, gamma, beta, Groups, 1e-5f, Silu ? Activation.Silu : Activation.None, skip));

        Tensor Source(string name, int channels)
        {
            Shape shape = [Batch, Positions, channels];
            return Told ? inputs.Product(name, shape) : inputs.Input(name, shape);
        }
    }
}
