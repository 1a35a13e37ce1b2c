using AudioToken.Sampling;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class SamplerFactoryTests
{
    public static TheoryData<SamplerKind> Kinds => [.. Enum.GetValues<SamplerKind>()];

    [Fact]
    public void Names_AreTheCommandLines()
    {
        Assert.Equal(["pndm", "ddim", "ddpm", "dpm++2m", "euler", "euler_a", "lcm"], SamplerKinds.Names);
        foreach (SamplerKind kind in Enum.GetValues<SamplerKind>())
        {
            Assert.Equal(kind, SamplerKinds.Parse(kind.Name()));
            Assert.Equal(kind, SamplerKinds.OfClass(kind.ClassName()));
        }
    }

    [Fact]
    public void Parse_ListsTheNamesItKnows()
    {
        SamplerOptionException e = Assert.Throws<SamplerOptionException>(() => SamplerKinds.Parse("heun"));
        Assert.Equal(2404, e.Code);
        Assert.Equal("sampling method 'heun' is not known; supported: pndm, ddim, ddpm, dpm++2m, euler, euler_a, lcm.", e.Message);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Create_RefusesStepsOutsideTheTrainingRange(SamplerKind kind)
    {
        foreach (int steps in (int[])[0, -1, 1001, 10_000, int.MaxValue, int.MinValue])
        {
            SamplerOptionException e = Assert.Throws<SamplerOptionException>(() => SamplerFactory.Create(kind, null, Configs.Sd14, steps));
            Assert.Equal(2401, e.Code);
            Assert.Equal($"steps is {steps}, expected 1 to 1000, the model's training timesteps.", e.Message);
            Assert.NotNull(e.Hint);
        }
    }

    [Fact]
    public void Create_RefusesStepsThatTheOffsetPushesOut()
    {
        SamplerOptionException e = Assert.Throws<SamplerOptionException>(() => SamplerFactory.Create(SamplerKind.Ddim, null, Configs.Sd14, 1000));
        Assert.Equal("sampling method ddim: 1000 steps with steps_offset 1 reach timestep 1000, expected at most 999.", e.Message);
    }

    [Fact]
    public void Create_RefusesStepsThatCoincide()
    {
        // 1001 points on 0 to 999, rounded: two of them meet.
        SamplerOptionException e = Assert.Throws<SamplerOptionException>(() => SamplerFactory.Create(SamplerKind.DpmSolverPlusPlus2M, null, Configs.Sd14, 1000));
        Assert.Equal(2401, e.Code);
        Assert.EndsWith("has no finite size, expected timesteps that differ.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_RefusesMoreLcmStepsThanItWasDistilledFor()
    {
        SamplerOptionException e = Assert.Throws<SamplerOptionException>(() => SamplerFactory.Create(SamplerKind.Lcm, null, Configs.Sd14, 51));
        Assert.Equal("steps is 51, expected 1 to 50, the steps this LCM was distilled for.", e.Message);
    }

    [Theory]
    [InlineData(-0.1), InlineData(1.1), InlineData(double.NaN), InlineData(double.PositiveInfinity)]
    public void Create_RefusesEtaOutOfRange(double eta)
    {
        SamplerOptionException e = Assert.Throws<SamplerOptionException>(
            () => SamplerFactory.Create(SamplerKind.Ddim, null, Configs.Sd14, 10, new SamplerOptions { Eta = eta }));
        Assert.Equal(2403, e.Code);
        Assert.EndsWith("expected 0 to 1.", e.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Karras_IsRefusedWhereItHasNoMeaning(SamplerKind kind)
    {
        if (kind.SupportsKarras())
        {
            Assert.NotEqual(SamplerFactory.Create(kind, false, Configs.Sd14, 10).Sigmas, SamplerFactory.Create(kind, true, Configs.Sd14, 10).Sigmas);
            return;
        }

        SamplerOptionException e = Assert.Throws<SamplerOptionException>(() => SamplerFactory.Create(kind, true, Configs.Sd14, 10));
        Assert.Equal(2402, e.Code);
        Assert.Equal($"scheduler karras has no meaning for sampling method {kind.Name()}; supported by: dpm++2m, euler.", e.Message);
    }

    [Fact]
    public void Karras_ComesFromTheConfigurationUnlessSaid()
    {
        SchedulerConfig config = Configs.Sd14 with { UseKarrasSigmas = true };
        SamplerPlan plan = SamplerFactory.Create(SamplerKind.Euler, null, config, 10);
        Assert.Equal(SamplerFactory.Create(SamplerKind.Euler, true, Configs.Sd14, 10).Sigmas, plan.Sigmas);
        Assert.Equal(SamplerFactory.Create(SamplerKind.Euler, null, Configs.Sd14, 10).Sigmas, SamplerFactory.Create(SamplerKind.Euler, false, config, 10).Sigmas);
        // A class without the key ignores it, as diffusers does.
        Assert.NotNull(SamplerFactory.Create(SamplerKind.Pndm, null, config, 10));
    }

    [Fact]
    public void SwappedSampler_TakesItsOwnDefaultsForWhatTheFileDoesNotSay()
    {
        // SD 1.4's file says nothing of spacing: PNDM's default is leading, DPM-Solver's linspace.
        Assert.Equal(999, SamplerFactory.Create(SamplerKind.DpmSolverPlusPlus2M, null, Configs.Sd14, 10).Steps[0].Timestep);
        SchedulerConfig written = Configs.Sd14 with { Spacing = TimestepSpacing.Trailing };
        Assert.Equal(999, SamplerFactory.Create(SamplerKind.Ddim, null, written, 10).Steps[0].Timestep);
        Assert.Equal(901, SamplerFactory.Create(SamplerKind.Ddim, null, Configs.Sd14, 10).Steps[0].Timestep);
    }

    [Fact]
    public void EmptyConfiguration_MeansEachClassesDefaults()
    {
        SchedulerConfig empty = SchedulerConfig.Parse("{}");
        SamplerStep ddim = SamplerFactory.Create(SamplerKind.Ddim, null, empty, 10).Steps[^1];
        Assert.Equal((0, 1.0), (ddim.Timestep, ddim.Clip)); // clip_sample true, offset 0
        Assert.Equal(1, ddim.D0); // set_alpha_to_one true: the last step returns the clean sample
        Assert.Equal(19, SamplerFactory.Create(SamplerKind.Pndm, null, empty, 10).Steps.Length); // skip_prk_steps false
        Assert.True(double.IsInfinity(SamplerFactory.Create(SamplerKind.Lcm, null, empty, 4).Steps[0].Clip));
        // LCM alone has Stable Diffusion's schedule as its default.
        Assert.Equal(SamplerFactory.Create(SamplerKind.Lcm, null, Configs.Sd14, 4).Steps.AsEnumerable(), SamplerFactory.Create(SamplerKind.Lcm, null, empty, 4).Steps);
    }

    [Theory]
    [InlineData("pndm", """{ "prediction_type": "sample", "skip_prk_steps": true }""", "'prediction_type' is 'sample'; supported: epsilon, v_prediction (sampling method pndm).")]
    [InlineData("ddim", """{ "thresholding": true }""", "'thresholding' is true; supported: false (sampling method ddim).")]
    [InlineData("ddim", """{ "rescale_betas_zero_snr": true }""", "'prediction_type' is 'epsilon' together with rescale_betas_zero_snr; supported: v_prediction, sample (at zero SNR the noise says nothing about the picture).")]
    [InlineData("ddim", """{ "clip_sample": true, "clip_sample_range": 0 }""", "'clip_sample_range' is 0; supported: greater than 0.")]
    [InlineData("ddpm", """{ "variance_type": "learned" }""", "'variance_type' is 'learned'; supported: fixed_small, fixed_large.")]
    [InlineData("dpm++2m", """{ "algorithm_type": "dpmsolver" }""", "'algorithm_type' is 'dpmsolver'; supported: dpmsolver++, sde-dpmsolver++.")]
    [InlineData("dpm++2m", """{ "solver_type": "heun" }""", "'solver_type' is 'heun'; supported: midpoint.")]
    [InlineData("dpm++2m", """{ "solver_order": 3 }""", "'solver_order' is 3; supported: 1, 2.")]
    [InlineData("dpm++2m", """{ "lambda_min_clipped": -5.1 }""", "'lambda_min_clipped' is -5.1; supported: null (sampling method dpm++2m).")]
    [InlineData("euler", """{ "timestep_type": "continuous" }""", "'timestep_type' is 'continuous'; supported: discrete (sampling method euler).")]
    [InlineData("lcm", """{ "original_inference_steps": 2000 }""", "'original_inference_steps' is 2000; supported: 1 to 1000, num_train_timesteps.")]
    [InlineData("pndm", """{ "num_train_timesteps": 3, "trained_betas": [0.1, 0.2] }""", "'trained_betas' is a list of 2; supported: 3 values, as many as num_train_timesteps.")]
    public void Create_RefusesWhatTheSamplerDoesNotDo(string sampler, string json, string message)
    {
        SchedulerConfigException e = Assert.Throws<SchedulerConfigException>(
            () => SamplerFactory.Create(SamplerKinds.Parse(sampler), null, SchedulerConfig.Parse(json), 2));
        Assert.Equal(4402, e.Code);
        Assert.Equal("scheduler_config.json: " + message, e.Message);
    }

    [Fact]
    public void Create_IgnoresSwitchesOfOtherSamplers() =>
        Assert.NotNull(SamplerFactory.Create(SamplerKind.Pndm, null, SchedulerConfig.Parse("""{ "thresholding": true, "solver_type": "heun", "skip_prk_steps": true }"""), 10));

    [Fact]
    public void RungeKutta_NeedsFourSteps()
    {
        SamplerOptionException e = Assert.Throws<SamplerOptionException>(
            () => SamplerFactory.Create(SamplerKind.Pndm, null, Configs.Sd14 with { SkipPrkSteps = false }, 3));
        Assert.Equal("sampling method pndm with Runge-Kutta steps (skip_prk_steps false): steps is 3, expected at least 4.", e.Message);
    }

    [Fact]
    public void Convention016_RefusesKarras()
    {
        SamplerOptionException e = Assert.Throws<SamplerOptionException>(() => SamplerFactory.Create(
            SamplerKind.DpmSolverPlusPlus2M, true, Configs.Sd14, 10, new SamplerOptions { Convention = SolverConvention.Diffusers016 }));
        Assert.Equal("scheduler karras is not supported in the convention of diffusers 0.16; supported: discrete.", e.Message);
    }

    [Fact]
    public void StochasticSolver_KeepsTheVarianceThatTheLevelPrescribes()
    {
        // For a known clean sample, x' = a' x0 + (what is left of the old noise) + (fresh noise); both together are of variance sigma'^2.
        SamplerPlan plan = SamplerFactory.Create(
            SamplerKind.DpmSolverPlusPlus2M, null, Configs.Sd14 with { AlgorithmType = "sde-dpmsolver++", SolverOrder = 1 }, 10);
        Assert.Equal(10, plan.NoiseDraws);
        for (int i = 0; i < plan.Steps.Length; i++)
        {
            double from = Alpha(plan.Sigmas[i]) * plan.Sigmas[i], to = Alpha(plan.Sigmas[i + 1]) * plan.Sigmas[i + 1];
            double left = plan.Steps[i].SampleFactor * from, fresh = plan.Steps[i].NoiseFactor;
            Assert.Equal(to * to, left * left + fresh * fresh, 1e-12);
            Assert.Equal(Alpha(plan.Sigmas[i + 1]), plan.Steps[i].SampleFactor * Alpha(plan.Sigmas[i]) + plan.Steps[i].D0, 1e-12);
        }

        static double Alpha(double sigma) => 1 / Math.Sqrt(sigma * sigma + 1);
    }
}
