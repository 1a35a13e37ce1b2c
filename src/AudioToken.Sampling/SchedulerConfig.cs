namespace AudioToken.Sampling;

/// <summary>What a diffusers <c>scheduler_config.json</c> says: only the keys written in it, so that another sampler than the file's own
/// takes its own defaults for the rest (diffusers' rule when one class is built from another's configuration).</summary>
/// <remarks>Null means "not written". Which default then holds depends on the sampler: <see cref="SamplerFactory"/> decides.
/// The property names follow the keys.</remarks>
public sealed record SchedulerConfig
{
    /// <summary><c>_class_name</c>.</summary>
    public string? ClassName { get; init; }

    /// <summary><c>num_train_timesteps</c>.</summary>
    public int? TrainTimesteps { get; init; }

    /// <summary><c>beta_start</c>.</summary>
    public double? BetaStart { get; init; }

    /// <summary><c>beta_end</c>.</summary>
    public double? BetaEnd { get; init; }

    /// <summary><c>beta_schedule</c>.</summary>
    public BetaSchedule? BetaSchedule { get; init; }

    /// <summary><c>trained_betas</c>: one variance a training timestep, in place of a formula.</summary>
    public IReadOnlyList<float>? TrainedBetas { get; init; }

    /// <summary><c>rescale_betas_zero_snr</c>.</summary>
    public bool? RescaleBetasZeroSnr { get; init; }

    /// <summary><c>prediction_type</c>.</summary>
    public PredictionType? Prediction { get; init; }

    /// <summary><c>timestep_spacing</c>.</summary>
    public TimestepSpacing? Spacing { get; init; }

    /// <summary><c>steps_offset</c>.</summary>
    public int? StepsOffset { get; init; }

    /// <summary><c>set_alpha_to_one</c>: the step past timestep 0 ends at alphas_cumprod 1 rather than at that of timestep 0.</summary>
    public bool? SetAlphaToOne { get; init; }

    /// <summary><c>skip_prk_steps</c>: PNDM starts without its Runge-Kutta steps.</summary>
    public bool? SkipPrkSteps { get; init; }

    /// <summary><c>clip_sample</c>: limit the predicted clean sample.</summary>
    public bool? ClipSample { get; init; }

    /// <summary><c>clip_sample_range</c>: to this magnitude.</summary>
    public double? ClipSampleRange { get; init; }

    /// <summary><c>variance_type</c> of DDPM and DPM-Solver.</summary>
    public string? VarianceType { get; init; }

    /// <summary><c>algorithm_type</c> of DPM-Solver.</summary>
    public string? AlgorithmType { get; init; }

    /// <summary><c>solver_order</c> of DPM-Solver.</summary>
    public int? SolverOrder { get; init; }

    /// <summary><c>solver_type</c> of DPM-Solver.</summary>
    public string? SolverType { get; init; }

    /// <summary><c>lower_order_final</c>: the last of fewer than 15 steps is of first order.</summary>
    public bool? LowerOrderFinal { get; init; }

    /// <summary><c>euler_at_final</c>: the last step is of first order.</summary>
    public bool? EulerAtFinal { get; init; }

    /// <summary><c>use_karras_sigmas</c>.</summary>
    public bool? UseKarrasSigmas { get; init; }

    /// <summary><c>final_sigmas_type</c>.</summary>
    public FinalSigma? FinalSigma { get; init; }

    /// <summary><c>original_inference_steps</c> of LCM: the number of steps it was distilled for.</summary>
    public int? OriginalInferenceSteps { get; init; }

    /// <summary><c>timestep_scaling</c> of LCM's boundary condition.</summary>
    public double? TimestepScaling { get; init; }

    /// <summary>Switches that are on and that no sampler here follows, with their values, e.g. <c>thresholding</c>: an error for the
    /// samplers that know the key, ignored for the others.</summary>
    public IReadOnlyDictionary<string, string> Unsupported { get; init; } = new Dictionary<string, string>();

    /// <summary>The sampler the file was written for.</summary>
    /// <exception cref="SchedulerConfigException">Its class is missing or not supported.</exception>
    public SamplerKind GetDefaultSampler() => SamplerKinds.OfClass(ClassName) ?? throw SchedulerConfigException.Unsupported(
        "_class_name",
        ClassName is null ? "missing" : $"'{ClassName}'",
        string.Join(", ", Enum.GetValues<SamplerKind>().Select(SamplerKinds.ClassName)),
        "name a sampler instead: --sampling-method pndm");

    /// <summary>Reads a <c>scheduler_config.json</c>. Keys that are not known are ignored.</summary>
    /// <exception cref="SchedulerConfigException">Not a JSON object, a value of the wrong type or out of range, or an unknown
    /// prediction type, schedule or spacing.</exception>
    public static SchedulerConfig Parse(string json) => SchedulerConfigReader.Read(json);

    /// <summary>The noise levels under which a model of this configuration is trained (DDPM's).</summary>
    /// <exception cref="SchedulerConfigException">The configuration contradicts itself.</exception>
    public NoiseSchedule GetNoiseSchedule() => SamplerSettings.MakeSchedule(SamplerKind.Ddpm, this, inSigmas: false, singlePrecision: true);

    /// <summary>The configuration as diffusers' Stable Diffusion pipeline corrects it: steps_offset 1 and clip_sample false.</summary>
    public SchedulerConfig ForStableDiffusion() => this with { StepsOffset = 1, ClipSample = false };
}
