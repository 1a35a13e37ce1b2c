using AudioToken.Sampling;
using Xunit;

namespace AudioToken.Tests.Sampling;

public class SchedulerConfigTests
{
    [Fact]
    public void Parse_KeepsWhatIsWrittenAndNothingElse()
    {
        SchedulerConfig expected = new()
        {
            ClassName = "PNDMScheduler",
            BetaStart = 0.00085,
            BetaEnd = 0.012,
            BetaSchedule = BetaSchedule.ScaledLinear,
            TrainTimesteps = 1000,
            ClipSample = false,
            SetAlphaToOne = false,
            SkipPrkSteps = true,
            StepsOffset = 1,
            Unsupported = Configs.Sd14.Unsupported,
        };
        Assert.Empty(Configs.Sd14.Unsupported);
        Assert.Equal(expected, Configs.Sd14);
        Assert.Equal(SamplerKind.Pndm, Configs.Sd14.GetDefaultSampler());
    }

    [Theory]
    [InlineData("epsilon", PredictionType.Epsilon)]
    [InlineData("v_prediction", PredictionType.Velocity)]
    [InlineData("sample", PredictionType.Sample)]
    public void Parse_KnowsThePredictionTypes(string name, PredictionType expected) =>
        Assert.Equal(expected, SchedulerConfig.Parse($$"""{ "prediction_type": "{{name}}" }""").Prediction);

    [Theory]
    [InlineData("""{ "prediction_type": "flow_prediction" }""", "'prediction_type' is 'flow_prediction'; supported: epsilon, v_prediction, sample.")]
    [InlineData("""{ "beta_schedule": "sigmoid" }""", "'beta_schedule' is 'sigmoid'; supported: linear, scaled_linear, squaredcos_cap_v2.")]
    [InlineData("""{ "timestep_spacing": "random" }""", "'timestep_spacing' is 'random'; supported: leading, linspace, trailing.")]
    [InlineData("""{ "final_sigmas_type": "one" }""", "'final_sigmas_type' is 'one'; supported: zero, sigma_min.")]
    [InlineData("""{ "num_train_timesteps": 2000000000 }""", "'num_train_timesteps' is 2000000000; supported: 1 to 100000.")]
    [InlineData("""{ "steps_offset": -1 }""", "'steps_offset' is -1; supported: 0 to 100000.")]
    public void Parse_RefusesValuesItDoesNotKnow(string json, string message)
    {
        SchedulerConfigException e = Assert.Throws<SchedulerConfigException>(() => SchedulerConfig.Parse(json));
        Assert.Equal(4402, e.Code);
        Assert.Equal("scheduler_config.json: " + message, e.Message);
    }

    [Theory]
    [InlineData("", "scheduler_config.json is not JSON: line 1, byte 1.")]
    [InlineData("{\n \"beta_end\": 0.012\n \"beta_start\": 0 }", "scheduler_config.json is not JSON: line 3, byte 2.")]
    [InlineData("[1]", "scheduler_config.json holds a list, expected an object.")]
    [InlineData("""{ "beta_start": "0.1" }""", "scheduler_config.json: 'beta_start' is a string, expected a number.")]
    [InlineData("""{ "beta_start": 1e999 }""", "scheduler_config.json: 'beta_start' is 1e999, expected a number.")]
    [InlineData("""{ "num_train_timesteps": 10.5 }""", "scheduler_config.json: 'num_train_timesteps' is 10.5, expected a whole number.")]
    [InlineData("""{ "clip_sample": 1 }""", "scheduler_config.json: 'clip_sample' is 1, expected true or false.")]
    [InlineData("""{ "prediction_type": true }""", "scheduler_config.json: 'prediction_type' is true, expected a string.")]
    [InlineData("""{ "trained_betas": 3 }""", "scheduler_config.json: 'trained_betas' is 3, expected a list of numbers.")]
    [InlineData("""{ "trained_betas": [0.1, {}] }""", "scheduler_config.json: 'trained_betas' is an object, expected a number.")]
    public void Parse_SaysWhereAFileIsMalformed(string json, string message)
    {
        SchedulerConfigException e = Assert.Throws<SchedulerConfigException>(() => SchedulerConfig.Parse(json));
        Assert.Equal(4401, e.Code);
        Assert.Equal(message, e.Message);
    }

    [Fact]
    public void Parse_IgnoresKeysItDoesNotKnow() =>
        Assert.Equal(1, SchedulerConfig.Parse("""{ "unknown": { "deep": [1, 2] }, "steps_offset": 1 }""").StepsOffset);

    [Fact]
    public void Parse_ReadsPythonsInfinityAsNone()
    {
        // As diffusers saves DPM-Solver; the words inside strings stay.
        SchedulerConfig config = SchedulerConfig.Parse("""{ "lambda_min_clipped": -Infinity, "sigma_max": Infinity, "_class_name": "a \" -Infinity" }""");
        Assert.Empty(config.Unsupported);
        Assert.Equal("a \" -Infinity", config.ClassName);
    }

    [Fact]
    public void DefaultSampler_RefusesAClassItDoesNotKnow()
    {
        SchedulerConfigException e = Assert.Throws<SchedulerConfigException>(() => SchedulerConfig.Parse("""{ "_class_name": "HeunDiscreteScheduler" }""").GetDefaultSampler());
        Assert.Equal(
            "scheduler_config.json: '_class_name' is 'HeunDiscreteScheduler'; supported: PNDMScheduler, DDIMScheduler, DDPMScheduler, "
            + "DPMSolverMultistepScheduler, EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, LCMScheduler.",
            e.Message);
        Assert.Contains("--sampling-method", e.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void ForStableDiffusion_CorrectsWhatThePipelineCorrects()
    {
        SchedulerConfig config = SchedulerConfig.Parse("""{ "steps_offset": 0, "clip_sample": true }""").ForStableDiffusion();
        Assert.Equal(1, config.StepsOffset);
        Assert.False(config.ClipSample);
    }
}
