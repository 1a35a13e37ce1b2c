namespace AudioToken.Training.Optimisation;

/// <summary>Factor of the loss on its way back, so that small gradients do not vanish in half precision. Micikevicius et al. 2018, "Mixed precision
/// training".</summary>
/// <param name="Value">The factor, a power of two; dividing by it again is exact.</param>
/// <param name="GoodUpdates">Updates since it last changed.</param>
/// <remarks>It halves at each update whose gradients are not finite, which is left out, and doubles after many good ones: as large as can be.</remarks>
public readonly record struct LossScale(double Value, int GoodUpdates)
{
    /// <summary>Good updates after which it doubles.</summary>
    public const int Patience = 2000;

    private const double Most = 1 << 24;

    /// <summary>No scaling.</summary>
    public static LossScale None { get; } = new(1, 0);

    /// <summary>Where a run begins.</summary>
    public static LossScale First { get; } = new(1 << 16, 0);

    /// <summary>True if it can go no lower: gradients that are not finite are then the loss's own.</summary>
    public bool IsLeast => Value <= 1;

    /// <summary>After an update.</summary>
    /// <param name="finite">Whether its gradients were.</param>
    public LossScale After(bool finite)
    {
        if (!finite)
            return new LossScale(Math.Max(1, Value / 2), 0);
        return GoodUpdates + 1 < Patience ? this with { GoodUpdates = GoodUpdates + 1 } : new LossScale(Math.Min(Most, Value * 2), 0);
    }
}
