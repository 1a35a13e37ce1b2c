namespace AudioToken.Training.Optimisation;

/// <summary>How the learning rate goes after the warm-up.</summary>
public enum LearningRateShape
{
    /// <summary>It stays.</summary>
    Constant,

    /// <summary>Half a cosine down to zero at the last update.</summary>
    Cosine,

    /// <summary>A line down to zero at the last update.</summary>
    Linear,
}

/// <summary>The learning rate of each update.</summary>
/// <param name="Peak">After the warm-up.</param>
/// <param name="Shape">What follows it.</param>
/// <param name="Warmup">Updates of the linear warm-up.</param>
/// <param name="Total">Updates in all.</param>
public readonly record struct LearningRate(double Peak, LearningRateShape Shape, long Warmup, long Total)
{
    /// <summary>The rate of update <paramref name="update"/>, from 0.</summary>
    public double At(long update)
    {
        if (update < Warmup)
            return Peak * (update + 1) / Warmup;
        double gone = Math.Clamp((double)(update - Warmup) / Math.Max(1, Total - Warmup), 0, 1);
        return Shape switch
        {
            LearningRateShape.Cosine => Peak * 0.5 * (1 + Math.Cos(Math.PI * gone)),
            LearningRateShape.Linear => Peak * (1 - gone),
            _ => Peak,
        };
    }
}
