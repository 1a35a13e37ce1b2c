namespace AudioToken.Tensors;

/// <summary>What <see cref="ITensorOps.LogMel"/> makes of samples: the tables of its formula, and the host's way to compute it.</summary>
/// <remarks>Of frame f, x[n] = s[f shift + n] less the frame's mean, z[n] = (x[n] - preemphasis x[max(n - 1, 0)]) window[n], zeros up to the transform's size N, and
/// Z[k] = sum_n z[n] e^(-2 pi i k n / N) for k below N / 2; y[f, b] = (ln max(floor, sum_k weight[b, k] |Z[k]|^2) - mean) / divisor. Kaldi's filter bank.</remarks>
public abstract class LogMelForm
{
    /// <summary>Samples from one frame to the next.</summary>
    public required int FrameShift { get; init; }

    /// <summary>N: a power of two, at least 4 and no less than the samples of a frame.</summary>
    public required int TransformSize { get; init; }

    /// <summary>The share of the sample before that each sample loses.</summary>
    public required double Preemphasis { get; init; }

    /// <summary>What each sample of a frame is multiplied by, the scale of samples included.</summary>
    public required ReadOnlyMemory<double> Window { get; init; }

    /// <summary>The filters, one a feature.</summary>
    public required IReadOnlyList<MelFilter> Filters { get; init; }

    /// <summary>Energies below this count as this.</summary>
    public required double EnergyFloor { get; init; }

    /// <summary>What is taken off each logarithm, in fp32.</summary>
    public required float Mean { get; init; }

    /// <summary>What each difference is divided by, in fp32.</summary>
    public required float Divisor { get; init; }

    /// <summary>Samples of one frame.</summary>
    public int FrameLength => Window.Length;

    /// <summary>Refuses what has no whole frame or is not finite.</summary>
    public abstract void Require(ReadOnlySpan<float> samples);

    /// <summary>The features, computed here; refuses what <see cref="Require"/> does.</summary>
    /// <returns>[frames, filters].</returns>
    public abstract float[] OnHost(ReadOnlySpan<float> samples);
}

/// <summary>One filter over the bins of a power spectrum.</summary>
/// <param name="FirstBin">The first bin with weight.</param>
/// <param name="Weights">Of the bins from there; none for a filter that falls between two bins.</param>
public readonly record struct MelFilter(int FirstBin, ReadOnlyMemory<double> Weights);
