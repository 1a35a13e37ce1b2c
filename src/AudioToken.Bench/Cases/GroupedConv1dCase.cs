using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>BEATs' positional convolution with its bias: <c>BxLxC,GROUPS,TAPS[,gelu]</c>.</summary>
/// <param name="Batch">Samples.</param>
/// <param name="Length">Positions.</param>
/// <param name="Channels">In and out.</param>
/// <param name="Groups">A divisor of the channels.</param>
/// <param name="Taps">Length of the window.</param>
/// <param name="Gelu">GELU afterwards.</param>
public sealed record GroupedConv1dCase(int Batch, int Length, int Channels, int Groups, int Taps, bool Gelu) : KernelCase
{
    internal const string Name = "grouped-conv1d";
    internal const string Form = "BxLxC,GROUPS,TAPS[,gelu]";
    internal const string Example = "1x496x768,16,128,gelu";

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Batch}x{Length}x{Channels},{Groups},{Taps}{(Gelu ? ",gelu" : "")}");

    /// <inheritdoc/>
    public override double Flops => 2.0 * Batch * Length * Channels * (Channels / Groups) * Taps;

    /// <inheritdoc/>
    public override long Elements => checked(2L * Batch * Length * Channels + (long)Channels * (Channels / Groups) * Taps);

    internal static GroupedConv1dCase Read(CaseText text)
    {
        int[] x = text.Extents("BxLxC", 3), groups = text.Extents("GROUPS", 1), taps = text.Extents("TAPS", 1);
        return x[2] % groups[0] == 0
            ? new GroupedConv1dCase(x[0], x[1], x[2], groups[0], taps[0], text.Takes("gelu"))
            : throw text.Refused($"{groups[0]} groups do not divide {x[2]} channels");
    }

    /// <inheritdoc/>
    internal override Func<Tensor> Prepare(CaseInputs inputs)
    {
        Tensor x = inputs.Input("x", [Batch, Length, Channels]);
        Weight weight = inputs.Weight("w.weight", WeightRole.GroupedConv1d, [Channels, Channels / Groups, Taps]);
        Epilogue epilogue = new(inputs.Weight("b.bias", WeightRole.Vector, [Channels])) { Activation = Gelu ? Activation.Gelu : Activation.None };
        return () => inputs.Ops.GroupedConv1d(x, weight, Groups, Taps / 2, epilogue);
    }
}
