using AudioToken.World.Numbers;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.World;

public sealed class ElementaryTests
{
    // The reduction subtracts k π/2 in two parts: the second is known to 2^-86, times k up to 2^17; the polynomial is exact to rounding. 4 units of 2^-53 in all.
    private const double Near = 4.0 / (1L << 53);

    [Fact]
    public void SineAndCosine_AreThePlatformsToAFewUnits() => Gen.Double[-200_000, 200_000].Sample(x =>
        Math.Abs(Elementary.Sin(x) - Math.Sin(x)) <= Near && Math.Abs(Elementary.Cos(x) - Math.Cos(x)) <= Near);

    // k ln 2 is exact to 2^-85 for |k| < 1024, the series to 1e-17; 13 steps of rounding, most of them far below the sum's last place.
    [Fact]
    public void Exponential_IsThePlatformsToAFewUnits() => Gen.Double[-700, 700].Sample(x =>
        Math.Abs(Elementary.Exp(x) / Math.Exp(x) - 1) <= 2 * Near);

    [Fact]
    public void Exponential_EndsInZeroAndRefusesInfinity()
    {
        Assert.Equal(0, Elementary.Exp(-1e9));
        Assert.Throws<ArgumentOutOfRangeException>(() => Elementary.Exp(701));
    }

    [Fact]
    public void Draws_AreEvenAndOfTheirNameAndSeed()
    {
        Draws a = new(1, "a");
        Assert.Equal([.. Enumerable.Range(0, 4).Select(_ => a.Bits())], Bits(new Draws(1, "a"), 4));
        Assert.NotEqual(Bits(new Draws(1, "a"), 1), Bits(new Draws(1, "b"), 1));
        Assert.NotEqual(Bits(new Draws(1, "a"), 1), Bits(new Draws(2, "a"), 1));
        // The mean of n even draws deviates by 1 / sqrt(12 n); six deviations are not met by chance.
        const int Count = 100_000;
        Draws even = new(3, "even");
        Assert.Equal(0.5, Enumerable.Range(0, Count).Average(_ => even.Unit()), 6 / Math.Sqrt(12.0 * Count));
        Assert.Equal([1, 2, 3], Enumerable.Range(0, 100).Select(_ => even.Whole(1, 3)).Distinct().Order());
    }

    private static ulong[] Bits(Draws draws, int count) => [.. Enumerable.Range(0, count).Select(_ => draws.Bits())];
}
