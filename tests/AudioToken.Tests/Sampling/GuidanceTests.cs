using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class GuidanceTests
{
    [Fact]
    public void Combine_PushesAwayFromTheUnconditional()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        Tensor guided = Guidance.Combine(ops, ops.Upload([1f, -2f], [2]), ops.Upload([2f, 4f], [2]), 7.5f);
        Assert.Equal([1 + 7.5, -2 + 7.5 * 6], ops.Download(guided));
    }

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
