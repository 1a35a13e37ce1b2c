using AudioToken.Sampling;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class NoiseScheduleTests
{
    private static NoiseSchedule Sd(bool singlePrecision) => NoiseSchedule.Create(BetaSchedule.ScaledLinear, 1000, 0.00085, 0.012, singlePrecision);

    [Theory]
    [InlineData(0, 0.99915)]
    [InlineData(1, 0.9982960278384514)]
    [InlineData(20, 0.981314362200552)]
    [InlineData(21, 0.9803807481013713)]
    [InlineData(500, 0.2763326838229746)]
    [InlineData(981, 0.0057755001394957425)]
    [InlineData(999, 0.004660098513077234)]
    public void ScaledLinear_HasTheKnownAlphasCumprod(int timestep, double expected)
    {
        // Double: a thousand factors, each rounded by at most 1e-16. Float32 tables: spec/07 allows 1e-6.
        Assert.Equal(1, Sd(singlePrecision: false).AlphasCumprod[timestep] / expected, 1e-12);
        Assert.Equal(1, Sd(singlePrecision: true).AlphasCumprod[timestep] / expected, 1e-6);
    }

    [Fact]
    public void ScaledLinear_HasTheKnownBetas()
    {
        NoiseSchedule schedule = Sd(singlePrecision: false);
        Assert.Equal(0.00085, schedule.Betas[0], 1e-15);
        Assert.Equal(0.0008546986554056862, schedule.Betas[1], 1e-15);
        Assert.Equal(0.012, schedule.Betas[999], 1e-15);
    }

    [Fact]
    public void Linear_EndsWhereItShould()
    {
        NoiseSchedule schedule = NoiseSchedule.Create(BetaSchedule.Linear, 1000, 0.0001, 0.02);
        Assert.Equal((float)0.0001, schedule.Betas[0]);
        Assert.Equal((float)0.02, schedule.Betas[999]);
        // Ho et al. 2020: the last signal share is about 4e-5 ("D_KL about 1e-5 bits").
        Assert.InRange(schedule.AlphasCumprod[999], 4.0e-5, 4.1e-5);
    }

    [Fact]
    public void SquaredCosine_FollowsItsFormulaAndStopsAtTheCap()
    {
        NoiseSchedule schedule = NoiseSchedule.Create(BetaSchedule.SquaredCosine, 1000, 0, 0, singlePrecision: false);
        static double F(double t) => Math.Pow(Math.Cos((t + 0.008) / 1.008 * Math.PI / 2), 2);
        // The product telescopes: ac_i = f((i + 1) / N) / f(0), until the cap.
        Assert.Equal(F(0.5) / F(0), schedule.AlphasCumprod[499], 1e-12);
        Assert.Equal(0.999, schedule.Betas[999]);
    }

    [Fact]
    public void TrainedBetas_AreTakenAsTheyAre()
    {
        NoiseSchedule schedule = NoiseSchedule.FromBetas([0.5f, 0.25f]);
        Assert.Equal([0.5, 0.25], schedule.Betas.ToArray());
        Assert.Equal([0.5, 0.375], schedule.AlphasCumprod.ToArray());
    }

    [Fact]
    public void RescaledToZeroSnr_KeepsTheFirstLevelAndEndsInNoise()
    {
        NoiseSchedule plain = Sd(singlePrecision: true), rescaled = plain.RescaledToZeroSnr();
        Assert.Equal(plain.AlphasCumprod[0], rescaled.AlphasCumprod[0], 1e-6);
        Assert.Equal(0, rescaled.AlphasCumprod[999]);
        for (int i = 1; i < 1000; i++)
            Assert.True(rescaled.AlphasCumprod[i] < rescaled.AlphasCumprod[i - 1], $"at {i}");
    }

    [Theory]
    [InlineData(0, 0.1, 0.2, "'num_train_timesteps' is 0; supported: 1 to 100000.")]
    [InlineData(int.MaxValue, 0.1, 0.2, "'num_train_timesteps' is 2147483647; supported: 1 to 100000.")]
    [InlineData(10, 0, 0.2, "'beta_start' is 0; supported: greater than 0 and less than 1.")]
    [InlineData(10, 0.1, 1, "'beta_end' is 1; supported: greater than 0 and less than 1.")]
    [InlineData(10, 0.1, double.NaN, "'beta_end' is NaN; supported: greater than 0 and less than 1.")]
    public void Create_RefusesWhatIsNoSchedule(int steps, double start, double end, string message)
    {
        SchedulerConfigException e = Assert.Throws<SchedulerConfigException>(() => NoiseSchedule.Create(BetaSchedule.Linear, steps, start, end));
        Assert.Equal(4402, e.Code);
        Assert.Equal("scheduler_config.json: " + message, e.Message);
    }
}
