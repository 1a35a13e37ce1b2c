using AudioToken.Bench.Cases;

namespace AudioToken.Bench;

/// <summary>What one case took.</summary>
/// <param name="Case">The operation at its shape.</param>
/// <param name="Seconds">Of one run; null on a device that is counted only.</param>
/// <param name="Bytes">What has to be read or written at least once.</param>
/// <param name="Kernels">Kernels of one run; null on a device that has none.</param>
/// <param name="ArithmeticPeak">FLOP/s that the device reached at that time; null where it was not measured.</param>
/// <param name="Bandwidth">Bytes/s of its memory; null where it was not measured.</param>
/// <param name="InputSets">How many sets of inputs took turns.</param>
public sealed record KernelMeasurement(KernelCase Case, Spread? Seconds, long Bytes, long? Kernels, double? ArithmeticPeak, double? Bandwidth, int InputSets)
{
    /// <summary>What a peer took in the same run; null where none was asked for, or has no such operation.</summary>
    public PeerMeasurement? Peer { get; init; }

    /// <summary>The peer's median over ours.</summary>
    public double? PeerRatio => Peer?.Seconds?.Median / Seconds?.Median;

    /// <summary>Achieved FLOP/s at the median; null for what only moves memory and where there are no times.</summary>
    public double? FlopsPerSecond => Case.Flops > 0 ? Case.Flops / Seconds?.Median : null;

    /// <summary>Achieved bytes/s at the median.</summary>
    public double? BytesPerSecond => Bytes / Seconds?.Median;

    /// <summary>True if arithmetic is the roof, false if memory is, null where not both were measured.</summary>
    public bool? IsArithmeticRoof => ArithmeticPeak is { } peak && Bandwidth is { } bandwidth ? Case.Flops / peak >= Bytes / bandwidth : null;

    /// <summary>The least time that the roof allows over the time taken.</summary>
    public double? ShareOfRoof => Seconds is { } seconds && ArithmeticPeak is { } peak && Bandwidth is { } bandwidth
        ? Math.Max(Case.Flops / peak, Bytes / bandwidth) / seconds.Median
        : null;
}
