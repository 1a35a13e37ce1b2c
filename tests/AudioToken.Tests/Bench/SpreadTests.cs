using AudioToken.Bench;
using Xunit;

namespace AudioToken.Tests.Bench;

/// <summary>Percentiles between sorted values.</summary>
public sealed class SpreadTests
{
    [Fact]
    public void Values_AreSortedAndInterpolated() => Assert.Equal(new Spread(2, 6, 10), Spread.Of([11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6]));

    [Fact]
    public void EvenCount_HasItsMedianInTheMiddle() => Assert.Equal(2.5, Spread.Of([4, 1, 3, 2]).Median);

    [Fact]
    public void OneValue_IsAll() => Assert.Equal(new Spread(3, 3, 3), Spread.Of([3]));

    [Fact]
    public void NoValue_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => Spread.Of([]));
}
