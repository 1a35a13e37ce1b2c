namespace AudioToken.Bench;

/// <summary>What one stage took.</summary>
/// <param name="Name">One of <see cref="Stages.Names"/> with its batch, or a picture by its sampler.</param>
/// <param name="Seconds">Of one run; null on a device that is counted only.</param>
/// <param name="LoadSeconds">Until the network was loaded; null on a device that is counted only.</param>
/// <param name="Flops">Of one run.</param>
/// <param name="Kernels">Of one run; null on a device that has none.</param>
/// <param name="ArithmeticPeak">FLOP/s that the device reached at that time; null where it was not measured.</param>
/// <param name="Classes">Of one run, by class: calls, seconds (the mean; null where a host's clock does not see the device's work) and FLOPs.</param>
/// <param name="RelativeRms">Of the difference from the same stage at its most exact, over that one's; null where it was not compared.</param>
public sealed record StageMeasurement(
    string Name,
    Spread? Seconds,
    double? LoadSeconds,
    double Flops,
    long? Kernels,
    double? ArithmeticPeak,
    IReadOnlyList<(OperationClass Class, int Calls, double? Seconds, double Flops)> Classes,
    double? RelativeRms)
{
    /// <summary>Page faults of a run, the mean; null where they are not counted.</summary>
    public double? PageFaults { get; init; }

    /// <summary>Achieved FLOP/s at the median; null for a stage that has no products, and where there are no times.</summary>
    public double? FlopsPerSecond => Flops > 0 ? Flops / Seconds?.Median : null;

    /// <summary>Of the arithmetic peak.</summary>
    public double? ShareOfPeak => FlopsPerSecond / ArithmeticPeak;

    /// <summary>Root mean square of the difference of two results, over that of the second.</summary>
    /// <param name="found">One result.</param>
    /// <param name="wanted">What it is held against, as many values.</param>
    public static double Difference(ReadOnlySpan<float> found, ReadOnlySpan<float> wanted)
    {
        (double difference, double size) = (0, 0);
        for (int i = 0; i < wanted.Length; i++)
        {
            difference += Math.Pow((double)found[i] - wanted[i], 2);
            size += Math.Pow(wanted[i], 2);
        }

        return Math.Sqrt(difference / size);
    }
}
