using AudioToken.Pipelines;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.Pipelines;

public sealed class TokenPathTests
{
    private static readonly Gen<(float[] From, float[] To)> s_tokens = Gen.Int[1, 40].SelectMany(width => Gen.Select(Gen.Float[-4, 4].Array[width], Gen.Float[-4, 4].Array[width]));

    [Fact]
    public void Ends_AreTheTokensThemselves() => s_tokens.Sample((from, to) =>
    {
        Assert.Equal(from, TokenPath.Between(from, to, 0));
        Assert.Equal(to, TokenPath.Between(from, to, 1));
    }, threads: 1);

    [Fact]
    public void QuarterCircle_IsWalkedEvenly()
    {
        // From (2, 0) to (0, 4): at a third the direction is 30 degrees, the length 2 + 2/3.
        float[] third = TokenPath.Between([2, 0], [0, 4], 1 / 3.0);
        Assert.Equal(8 / 3.0 * Math.Cos(Math.PI / 6), third[0], 1e-6);
        Assert.Equal(8 / 3.0 * Math.Sin(Math.PI / 6), third[1], 1e-6);
    }

    [Theory]
    [InlineData(new float[] { 1, 2 }, new float[] { 2, 4 }, new float[] { 1.5f, 3 })]    // one direction
    [InlineData(new float[] { 1, 0 }, new float[] { -3, 0 }, new float[] { -1, 0 })]     // opposite ones
    [InlineData(new float[] { 0, 0 }, new float[] { 4, 2 }, new float[] { 2, 1 })]       // none
    public void WithoutAnArc_TheWayIsALine(float[] from, float[] to, float[] middle) => Assert.Equal(middle, TokenPath.Between(from, to, 0.5));

    [Fact]
    public void Length_ChangesEvenly_AndNothingOverflows() => s_tokens.Sample((from, to) =>
    {
        double length = Norm(TokenPath.Between(from, to, 0.5));
        // Opposite directions excepted, where the line is taken; both bounds hold there too.
        Assert.InRange(length, 0, (Norm(from) + Norm(to)) / 2 * (1 + 1e-6) + 1e-6);
    }, threads: 1);

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));
}
