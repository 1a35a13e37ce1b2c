namespace AudioToken.Testing;

/// <summary>How far fp32 arithmetic may be from the exact result: derived from the unit roundoff and the number of summed terms.</summary>
public static class Tolerance
{
    /// <summary>Unit roundoff of fp32, 2^-24: the largest relative error of one rounding.</summary>
    public const double Roundoff = 1.0 / (1 << 24);

    /// <summary>A sum of <paramref name="terms"/> products of random sign, each about <paramref name="magnitude"/> large.</summary>
    /// <remarks>The product i is rounded, and so is the partial sum, which is sqrt i times as large: errors with deviations of at most
    /// u m and u m sqrt i. Over n terms they add up to u m sqrt(n + n^2 / 2); six deviations of that. Sums in blocks or in several
    /// lanes do better.</remarks>
    public static double Sum(long terms, double magnitude) => 6 * Roundoff * magnitude * Math.Sqrt(terms + (0.5 * terms * terms));

    /// <summary><paramref name="operations"/> roundings in a row on a value about <paramref name="magnitude"/> large.</summary>
    public static double Chain(int operations, double magnitude) => operations * Roundoff * magnitude;
}
