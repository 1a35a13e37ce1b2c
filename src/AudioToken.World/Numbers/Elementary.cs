namespace AudioToken.World.Numbers;

/// <summary>Sine, cosine and exponential from additions, multiplications and roundings alone.</summary>
/// <remarks>IEEE 754 fixes those to the last bit and .NET never fuses them, so the world is the same bits on every machine; <see cref="Math"/>'s own
/// functions are the platform's and differ by a unit in the last place. Within 1e-14 of the true values over the ranges used here.</remarks>
internal static class Elementary
{
    // pi/2 and ln 2 in two parts each: the first has trailing zeros, so that its product with a small integer is exact (Cody and Waite).
    private const double HalfPiHigh = 1.57079632673412561417e+00, HalfPiLow = 6.07710050650619224932e-11;
    private const double Ln2High = 6.93147180369123816490e-01, Ln2Low = 1.90821492927058770002e-10, Log2E = 1.4426950408889634;

    public static double Sin(double radians) => Quadrant(radians, 0);

    public static double Cos(double radians) => Quadrant(radians, 1);

    /// <summary>sin of <paramref name="turns"/> whole turns.</summary>
    public static double SinTurns(double turns) => Sin(2 * Math.PI * (turns - Math.Floor(turns)));

    /// <summary>e^x for x in [-700, 700]; zero below.</summary>
    public static double Exp(double x)
    {
        if (x < -700)
            return 0;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(x, 700);
        double k = Math.Round(x * Log2E);
        double r = x - k * Ln2High - k * Ln2Low, sum = 1;
        for (int n = 13; n > 0; n--)
            sum = 1 + r / n * sum;
        return sum * BitConverter.Int64BitsToDouble(((long)k + 1023) << 52);
    }

    /// <summary>The factor of an amplitude in decibels.</summary>
    public static double Decibels(double level) => Exp(level * (2.302585092994046 / 20));

    private static double Quadrant(double radians, int add)
    {
        double k = Math.Round(radians / (Math.PI / 2));
        double r = radians - k * HalfPiHigh - k * HalfPiLow, square = r * r;
        int quadrant = (int)(((long)k + add) & 3);
        // Taylor's terms to the 15th and 16th power: below 1e-16 for |r| <= pi/4.
        double value = (quadrant & 1) == 0
            ? r * (1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72 * (1 - square / 110 * (1 - square / 156 * (1 - square / 210)))))))
            : 1 - square / 2 * (1 - square / 12 * (1 - square / 30 * (1 - square / 56 * (1 - square / 90 * (1 - square / 132 * (1 - square / 182 * (1 - square / 240)))))));
        return quadrant >= 2 ? -value : value;
    }
}
