using AudioToken.Sampling;
using Xunit;

namespace AudioToken.Tests.Sampling;

/// <summary>The scalar known answers of spec/07, section 11: model 0.3 x + 0.5 sin(t / 100), start 1, no noise, float64 tables.</summary>
public class SamplerKnownAnswerTests
{
    // The reference's own doubles carry 16 digits; fifty steps of a few operations each lose at most three of them.
    private const double Tolerance = 1e-12;

    [Theory]
    [InlineData("pndm", 10, 2.5769409, 5e-8)] // eight digits given
    [InlineData("pndm", 50, 4.052188777616475, Tolerance)]
    [InlineData("ddim", 10, 2.924901281945554, Tolerance)]
    [InlineData("ddim", 50, 4.22645676584203, Tolerance)]
    [InlineData("ddpm", 10, 1.279363718641924, Tolerance)]
    [InlineData("dpm++2m", 10, 4.7419334206664026, Tolerance)]
    [InlineData("dpm++2m", 20, 4.563210415505422, Tolerance)]
    [InlineData("euler", 10, 5.790662845399737, Tolerance)]
    [InlineData("euler_a", 10, 3.167855458854577, Tolerance)]
    [InlineData("lcm", 4, 5.355468874789445, Tolerance)]
    public void Epsilon_EndsAtTheKnownAnswer(string sampler, int steps, double expected, double tolerance)
    {
        double[] trajectory = Run(Plan(sampler, steps, Configs.Sd14));
        Assert.Equal(1, trajectory[^1] / expected, tolerance);
    }

    [Theory]
    [InlineData("pndm", 0.45535239007124184)]
    [InlineData("ddim", 0.4099370955657642)]
    public void Velocity_EndsAtTheKnownAnswer(string sampler, double expected)
    {
        double[] trajectory = Run(Plan(sampler, 10, Configs.Sd2));
        Assert.Equal(1, trajectory[^1] / expected, 1e-11); // cancels by a factor of ten on the way
    }

    [Theory]
    [InlineData("dpm++2m", 4.379500801914177)]
    [InlineData("euler", 5.68663800515971)]
    public void Karras_EndsAtTheKnownAnswer(string sampler, double expected)
    {
        double[] trajectory = Run(Plan(sampler, 10, Configs.Sd14, karras: true));
        Assert.Equal(1, trajectory[^1] / expected, 1e-10); // a level to the power 1/7 and back loses two digits
    }

    [Fact]
    public void EulerLeading_EndsAtTheKnownAnswer()
    {
        SamplerPlan plan = Plan("euler", 10, Configs.Sd14 with { Spacing = TimestepSpacing.Leading });
        Assert.Equal(8.450064550829069, plan.InitialSigma, Tolerance);
        Assert.Equal(2.900322926247306, Run(plan)[^1], 1e-11);
    }

    [Fact]
    public void Pndm_PassesThroughTheKnownTrajectory()
    {
        double[] expected = [1.3032301, 1.1838955, 1.2493883, 1.5629091, 1.9981870, 2.4100734, 2.6566992, 2.7304681, 2.7007264, 2.5805722, 2.5769409];
        double[] actual = Run(Plan("pndm", 10, Configs.Sd14));
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 6e-8); // seven decimals given
    }

    [Theory]
    [InlineData("euler", 14.614641229333646)]
    [InlineData("euler_a", 14.614641229333646)]
    [InlineData("dpm++2m", 1)]
    [InlineData("pndm", 1)]
    [InlineData("lcm", 1)]
    public void InitialSigma_IsTheKnownOne(string sampler, double expected) =>
        Assert.Equal(expected, Plan(sampler, 10, Configs.Sd14).InitialSigma, Tolerance);

    [Theory]
    [InlineData("pndm", 10, "901 801 801 701 601 501 401 301 201 101 1")]
    [InlineData("pndm", 2, "501 1 1")]
    [InlineData("pndm", 1, "1")]
    [InlineData("ddim", 10, "901 801 701 601 501 401 301 201 101 1")]
    [InlineData("dpm++2m", 10, "999 899 799 699 599 500 400 300 200 100")]
    [InlineData("dpm++2m", 20, "999 949 899 849 799 749 699 649 599 549 500 450 400 350 300 250 200 150 100 50")]
    [InlineData("dpm++2m", 1, "999")]
    [InlineData("euler", 10, "999 888 777 666 555 444 333 222 111 0")]
    [InlineData("lcm", 4, "999 759 499 259")]
    public void Timesteps_AreTheKnownOnes(string sampler, int steps, string expected) =>
        Assert.Equal(expected, string.Join(' ', Plan(sampler, steps, Configs.Sd14).Steps.Select(step => step.Timestep)));

    [Fact]
    public void KarrasTimesteps_AreWholeForDpmSolverAndFractionalForEuler()
    {
        Assert.Equal([999, 916, 815, 687, 523, 327, 146, 41, 7, 0], Plan("dpm++2m", 10, Configs.Sd14, karras: true).Steps.Select(step => step.Timestep));
        double[] expected = [999, 916.2839, 815.0447, 687.1527, 523.1981, 327.146, 145.9381, 40.8564, 6.7323, 0];
        double[] actual = [.. Plan("euler", 10, Configs.Sd14, karras: true).Steps.Select(step => step.Timestep)];
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 6e-5); // four decimals given
    }

    [Fact]
    public void Pndm50_RunsFrom981To1()
    {
        int[] timesteps = [.. Plan("pndm", 50, Configs.Sd14).Steps.Select(step => (int)step.Timestep)];
        Assert.Equal(51, timesteps.Length);
        Assert.Equal([981, 961, 961, 941, 921], timesteps[..5]);
        Assert.Equal([41, 21, 1], timesteps[^3..]);
    }

    private static SamplerPlan Plan(string sampler, int steps, SchedulerConfig config, bool? karras = null) =>
        SamplerFactory.Create(SamplerKinds.Parse(sampler), karras, config, steps, new SamplerOptions { ExactTables = true });

    private static double[] Run(SamplerPlan plan) =>
        PlanInterpreter.Run(plan, plan.InitialSigma, (x, step) => 0.3 * x + 0.5 * Math.Sin(plan.Steps[step].Timestep / 100));
}
