namespace AudioToken.Sampling;

/// <summary>One step of a sampler, as factors of the few tensors it combines.</summary>
/// <remarks>
/// With x the sample, m the model's output (after guidance), b the base sample, n fresh noise of unit variance and d[k] the k-th
/// latest stored derived quantity:
/// <code>
/// input = InputFactor x
/// d[0]  = clamp(DerivedFromSample x + DerivedFromOutput m, -Clip, Clip)
/// x'    = SampleFactor x + BaseFactor b + OutputFactor m + D0 d[0] + D1 d[1] + D2 d[2] + D3 d[3] + NoiseFactor n
/// b'    = BaseFromSample x + BaseFromBase b
/// </code>
/// Before the first step b is absent and no d is stored; no step reads what is not there. Factors are doubles; runs in float32 round them once.
/// </remarks>
public sealed record SamplerStep
{
    /// <summary>Time the model is told, in training timesteps, 0 to N - 1; whole except for Euler's samplers.</summary>
    public required double Timestep { get; init; }

    /// <summary>Factor of the sample that the model sees.</summary>
    public double InputFactor { get; init; } = 1;

    /// <summary>Factor of the sample in the derived quantity (a predicted clean sample, or the output itself).</summary>
    public double DerivedFromSample { get; init; }

    /// <summary>Factor of the model's output in the derived quantity.</summary>
    public double DerivedFromOutput { get; init; }

    /// <summary>Limit of the derived quantity's magnitude; infinite for none.</summary>
    public double Clip { get; init; } = double.PositiveInfinity;

    /// <summary>The derived quantity is remembered for later steps.</summary>
    public bool StoresDerived { get; init; }

    /// <summary>Factor of the sample in the next sample.</summary>
    public double SampleFactor { get; init; }

    /// <summary>Factor of the base sample in the next sample.</summary>
    public double BaseFactor { get; init; }

    /// <summary>Factor of the model's output in the next sample.</summary>
    public double OutputFactor { get; init; }

    /// <summary>Factor of this step's derived quantity in the next sample.</summary>
    public double D0 { get; init; }

    /// <summary>Factor of the latest stored derived quantity.</summary>
    public double D1 { get; init; }

    /// <summary>Factor of the one before.</summary>
    public double D2 { get; init; }

    /// <summary>Factor of the one before that.</summary>
    public double D3 { get; init; }

    /// <summary>Factor of fresh noise; may be 0 although <see cref="DrawsNoise"/>.</summary>
    public double NoiseFactor { get; init; }

    /// <summary>The step takes one tensor of noise from the sampler's stream, as the original does even where its factor is 0.</summary>
    public bool DrawsNoise { get; init; }

    /// <summary>Factor of the sample in the base sample of later steps.</summary>
    public double BaseFromSample { get; init; }

    /// <summary>Factor of the base sample in that of later steps.</summary>
    public double BaseFromBase { get; init; } = 1;

    /// <summary>The derived quantity is needed, now or later.</summary>
    public bool HasDerived => D0 != 0 || StoresDerived;

    /// <summary>The base sample changes after this step.</summary>
    public bool ChangesBase => BaseFromSample != 0 || BaseFromBase != 1;

    /// <summary>How many stored derived quantities the step reads.</summary>
    public int HistoryDepth => D3 != 0 ? 3 : D2 != 0 ? 2 : D1 != 0 ? 1 : 0;

    internal bool IsFinite => double.IsFinite(
        Timestep + InputFactor + DerivedFromSample + DerivedFromOutput + SampleFactor + BaseFactor + OutputFactor
        + D0 + D1 + D2 + D3 + NoiseFactor + BaseFromSample + BaseFromBase);
}
