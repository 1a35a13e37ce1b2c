using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class ForwardProcessTests
{
    private static readonly NoiseSchedule s_schedule = NoiseSchedule.FromBetas([0.36f, 0.75f]); // ac 0.64, 0.16

    [Fact]
    public void AddNoise_TakesATimestepASample()
    {
        float[] result = new float[4];
        ForwardProcess.AddNoise(s_schedule, [1, 2, 1, 2], [10, 20, 10, 20], [0, 1], result);
        TensorAssert.MaxAbs([0.8f + 6, 1.6f + 12, 0.4f + (float)Math.Sqrt(84), 0.8f + 2 * (float)Math.Sqrt(84)], result, 4e-6);
    }

    [Fact]
    public void Velocity_IsTheDerivativeAlongTheArc()
    {
        float[] result = new float[2];
        ForwardProcess.Velocity(s_schedule, [1, 2], [10, 20], [0], result);
        TensorAssert.MaxAbs([8 - 0.6f, 16 - 1.2f], result, 4e-6);
    }

    [Fact]
    public void TensorForms_AgreeWithTheSpans()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        float[] clean = WeightFormula.GaussLike("clean", [1, 6]), noise = WeightFormula.GaussLike("noise", [1, 6]), expected = new float[6], actual = new float[6];
        Tensor x = ops.Upload(clean, [1, 6]), n = ops.Upload(noise, [1, 6]);
        ForwardProcess.AddNoise(s_schedule, clean, noise, [1], expected);
        ops.Download(ForwardProcess.AddNoise(ops, s_schedule, x, n, 1), actual);
        TensorAssert.MaxAbs(expected, actual, 5e-7);
        ForwardProcess.Velocity(s_schedule, clean, noise, [1], expected);
        ops.Download(ForwardProcess.Velocity(ops, s_schedule, x, n, 1), actual);
        TensorAssert.MaxAbs(expected, actual, 5e-7);
    }

    [Fact]
    public void AddNoise_RefusesCountsAndTimesThatDoNotFit()
    {
        ShapeException e = Assert.Throws<ShapeException>(() => ForwardProcess.AddNoise(s_schedule, new float[3], new float[3], [0, 1], new float[3]));
        Assert.Equal("AddNoise: 3 clean values, 3 of noise, 3 wanted, 2 timesteps.", e.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => ForwardProcess.AddNoise(s_schedule, new float[2], new float[2], [2], new float[2]));
    }
}
