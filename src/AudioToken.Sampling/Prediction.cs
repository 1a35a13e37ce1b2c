namespace AudioToken.Sampling;

/// <summary>A linear form in the sample x and the model's output m.</summary>
internal readonly record struct LinearForm(double Sample, double Output);

/// <summary>What a model's output says about x = alpha x0 + sigma n (alpha^2 + sigma^2 = 1), as linear forms.</summary>
internal static class Prediction
{
    /// <summary>The clean sample x0.</summary>
    public static LinearForm Clean(PredictionType type, double alpha, double sigma) => type switch
    {
        PredictionType.Epsilon => new(1 / alpha, -sigma / alpha),
        PredictionType.Velocity => new(alpha, -sigma),
        _ => new(0, 1),
    };

    /// <summary>The noise n.</summary>
    public static LinearForm Noise(PredictionType type, double alpha, double sigma) => type switch
    {
        PredictionType.Epsilon => new(0, 1),
        PredictionType.Velocity => new(sigma, alpha),
        _ => new(1 / sigma, -alpha / sigma),
    };

    /// <summary>A step that adds <paramref name="cleanFactor"/> x0, limited to the step's clip, to what the step holds already.</summary>
    public static SamplerStep PlusClean(this SamplerStep step, double cleanFactor, LinearForm clean, double clip) => double.IsInfinity(clip)
        ? step with { SampleFactor = step.SampleFactor + cleanFactor * clean.Sample, OutputFactor = step.OutputFactor + cleanFactor * clean.Output }
        : step with { DerivedFromSample = clean.Sample, DerivedFromOutput = clean.Output, Clip = clip, D0 = cleanFactor };
}
