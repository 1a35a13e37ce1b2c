using AudioToken.Sampling;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class GuidanceTests
{
    [Fact]
    public void Weights_PushAwayFromTheUnconditional() => Assert.Equal([-6.5f, 7.5f], Guidance.Weights(7.5f));

    [Theory]
    [InlineData(0, false), InlineData(1, false), InlineData(1.01f, true), InlineData(7.5f, true)]
    public void IsActive_AboveOneOnly(float scale, bool expected) => Assert.Equal(expected, Guidance.IsActive(scale));

    [Theory]
    [InlineData(-1, "guidance scale is -1, expected 0 or more; up to 1 is no guidance.")]
    [InlineData(float.NaN, "guidance scale is NaN, expected 0 or more; up to 1 is no guidance.")]
    [InlineData(float.PositiveInfinity, "guidance scale is Infinity, expected 0 or more; up to 1 is no guidance.")]
    public void RequireValid_RefusesWhatIsNoScale(float scale, string message)
    {
        SamplerOptionException e = Assert.Throws<SamplerOptionException>(() => Guidance.RequireValid(scale));
        Assert.Equal((2405, message), (e.Code, e.Message));
        Guidance.RequireValid(0);
    }
}
