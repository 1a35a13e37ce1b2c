namespace AudioToken.Bench;

/// <summary>How repeated measurements lie.</summary>
/// <param name="P10">A tenth of them are below.</param>
/// <param name="Median">Half of them are below.</param>
/// <param name="P90">A tenth of them are above.</param>
public readonly record struct Spread(double P10, double Median, double P90)
{
    /// <summary>Interpolates between the sorted values.</summary>
    /// <param name="values">At least one.</param>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        ArgumentOutOfRangeException.ThrowIfZero(sorted.Length, nameof(values));
        return new Spread(At(sorted, 0.1), At(sorted, 0.5), At(sorted, 0.9));
    }

    private static double At(double[] sorted, double part)
    {
        double place = part * (sorted.Length - 1);
        int below = (int)place, above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }
}
