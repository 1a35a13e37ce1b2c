using AudioToken.Sampling;

namespace AudioToken.Tests.Sampling;

/// <summary>Scheduler configurations of published models.</summary>
internal static class Configs
{
    /// <summary>Stable Diffusion 1.4's.</summary>
    public const string StableDiffusion14 = """
        {
          "_class_name": "PNDMScheduler",
          "_diffusers_version": "0.7.0.dev0",
          "beta_end": 0.012,
          "beta_schedule": "scaled_linear",
          "beta_start": 0.00085,
          "clip_sample": false,
          "num_train_timesteps": 1000,
          "set_alpha_to_one": false,
          "skip_prk_steps": true,
          "steps_offset": 1,
          "trained_betas": null
        }
        """;

    public static SchedulerConfig Sd14 { get; } = SchedulerConfig.Parse(StableDiffusion14);

    /// <summary>Stable Diffusion 2's 768-pixel model predicts the velocity.</summary>
    public static SchedulerConfig Sd2 { get; } = Sd14 with { ClassName = "DDIMScheduler", Prediction = PredictionType.Velocity };
}
