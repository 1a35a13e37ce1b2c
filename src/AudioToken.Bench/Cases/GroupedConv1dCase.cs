using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>BEATs' positional convolution: <c>BxLxC,GROUPS,TAPS[,...]</c>; as many positions come out as go in.</summary>
/// <param name="Batch">Samples.</param>
/// <param name="Length">Positions.</param>
/// <param name="Channels">In and out.</param>
/// <param name="Groups">A divisor of the channels.</param>
/// <param name="Taps">Length of the window.</param>
/// <param name="Epilogue">What else happens to the sums.</param>
public sealed record GroupedConv1dCase(int Batch, int Length, int Channels, int Groups, int Taps, CaseEpilogue Epilogue) : KernelCase
{
    internal const string Name = "grouped-conv1d";
    internal const string Form = "BxLxC,GROUPS,TAPS[,nobias][,silu|gelu|quick-gelu|relu][,residual]";
    internal const string Example = "1x496x768,16,128,gelu";

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(CultureInfo.InvariantCulture, $"{Batch}x{Length}x{Channels},{Groups},{Taps}{Epilogue}");

    /// <inheritdoc/>
    public override double Flops => 2.0 * Batch * Length * Channels * (Channels / Groups) * Taps;

    /// <inheritdoc/>
    public override long Elements => checked((Epilogue.Residual ? 3L : 2L) * Batch * Length * Channels + (long)Channels * (Channels / Groups) * Taps);

    /// <summary>The case of a call; null for one whose padding is another.</summary>
    internal static GroupedConv1dCase? Of(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue) => padding == weight.Shape[2] / 2
        ? new GroupedConv1dCase(x.Shape[0], x.Shape[1], x.Shape[2], groups, weight.Shape[2], CaseEpilogue.Of(epilogue))
        : null;

    internal static GroupedConv1dCase Read(CaseText text)
    {
        int[] x = text.Extents("BxLxC", 3), groups = text.Extents("GROUPS", 1), taps = text.Extents("TAPS", 1);
        return x[2] % groups[0] == 0
            ? new GroupedConv1dCase(x[0], x[1], x[2], groups[0], taps[0], CaseEpilogue.Read(text, gegluFits: false, normFits: false))
            : throw text.Refused($"{groups[0]} groups do not divide {x[2]} channels");
    }

    /// <inheritdoc/>
    internal override CaseWork Prepare(CaseInputs inputs)
    {
        Tensor x = inputs.Input("x", [Batch, Length, Channels]);
        Weight weight = inputs.Weight("w.weight", WeightRole.GroupedConv1d, [Channels, Channels / Groups, Taps]);
        Epilogue epilogue = Epilogue.Prepare(inputs, Channels, x.Shape);
        return new CaseWork(() => inputs.Ops.GroupedConv1d(x, weight, Groups, Taps / 2, epilogue));
    }
}
