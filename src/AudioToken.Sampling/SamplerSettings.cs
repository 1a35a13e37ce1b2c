using System.Runtime.InteropServices;

namespace AudioToken.Sampling;

/// <summary>A configuration resolved for one sampler: what is written, and that class's defaults in diffusers for the rest.</summary>
internal sealed record SamplerSettings
{
    private SamplerSettings(NoiseSchedule schedule) => Schedule = schedule;

    public NoiseSchedule Schedule { get; }

    public required SamplerKind Kind { get; init; }

    public required PredictionType Prediction { get; init; }

    public required TimestepSpacing Spacing { get; init; }

    public required int StepsOffset { get; init; }

    public required bool SetAlphaToOne { get; init; }

    public required bool SkipPrkSteps { get; init; }

    /// <summary>Limit of the predicted clean sample; infinite for none.</summary>
    public required double Clip { get; init; }

    /// <summary>DDPM adds the forward step's variance rather than the posterior's.</summary>
    public required bool LargeVariance { get; init; }

    /// <summary>DPM-Solver++ solves the stochastic equation.</summary>
    public required bool Stochastic { get; init; }

    public required int SolverOrder { get; init; }

    public required bool LowerOrderFinal { get; init; }

    public required bool EulerAtFinal { get; init; }

    public required bool Karras { get; init; }

    public required FinalSigma FinalSigma { get; init; }

    public required int OriginalInferenceSteps { get; init; }

    public required double TimestepScaling { get; init; }

    public int TrainTimesteps => Schedule.TrainTimesteps;

    /// <summary>alphas_cumprod at a timestep, and past the start (t below 0) the configured end value.</summary>
    public double AlphaCumprod(int timestep) => timestep >= 0 ? Schedule.AlphasCumprod[timestep] : SetAlphaToOne ? 1 : Schedule.AlphasCumprod[0];

    public static SamplerSettings Resolve(SamplerKind kind, SchedulerConfig config, bool? karras, bool singlePrecision)
    {
        bool dpm = kind == SamplerKind.DpmSolverPlusPlus2M;
        bool inSigmas = dpm || kind is SamplerKind.Euler or SamplerKind.EulerAncestral;
        bool clips = kind is SamplerKind.Ddim or SamplerKind.Ddpm or SamplerKind.Lcm;
        RefuseUnsupported(kind, config, dpm);
        if (karras == true && !kind.SupportsKarras())
        {
            string supporting = string.Join(", ", Enum.GetValues<SamplerKind>().Where(SamplerKinds.SupportsKarras).Select(SamplerKinds.Name));
            throw new SamplerOptionException(
                ErrorCode.Scheduler, $"scheduler karras has no meaning for sampling method {kind.Name()}; supported by: {supporting}.", "--scheduler discrete");
        }

        bool clip = clips && (config.ClipSample ?? kind is SamplerKind.Ddim or SamplerKind.Ddpm);
        double clipRange = config.ClipSampleRange ?? 1;
        if (clip && !(clipRange > 0))
            throw SchedulerConfigException.Unsupported("clip_sample_range", Text.Of(clipRange), "greater than 0");
        SamplerSettings settings = new(MakeSchedule(kind, config, inSigmas, singlePrecision))
        {
            Kind = kind,
            Prediction = config.Prediction ?? PredictionType.Epsilon,
            Spacing = config.Spacing ?? (inSigmas ? TimestepSpacing.Linspace : TimestepSpacing.Leading),
            StepsOffset = config.StepsOffset ?? 0,
            SetAlphaToOne = config.SetAlphaToOne ?? kind is SamplerKind.Ddim or SamplerKind.Lcm,
            SkipPrkSteps = config.SkipPrkSteps ?? false,
            Clip = clip ? clipRange : double.PositiveInfinity,
            LargeVariance = config.VarianceType == "fixed_large",
            Stochastic = config.AlgorithmType == "sde-dpmsolver++",
            SolverOrder = config.SolverOrder ?? 2,
            LowerOrderFinal = config.LowerOrderFinal ?? true,
            EulerAtFinal = config.EulerAtFinal ?? false,
            Karras = kind.SupportsKarras() && (karras ?? config.UseKarrasSigmas ?? false),
            FinalSigma = config.FinalSigma ?? FinalSigma.Zero,
            OriginalInferenceSteps = config.OriginalInferenceSteps ?? 50,
            TimestepScaling = config.TimestepScaling ?? 10,
        };
        if (settings.Prediction == PredictionType.Epsilon && settings.Schedule.AlphasCumprod[^1] <= 0)
        {
            throw SchedulerConfigException.Unsupported(
                "prediction_type", "'epsilon' together with rescale_betas_zero_snr", "v_prediction, sample (at zero SNR the noise says nothing about the picture)");
        }

        return settings;
    }

    internal static NoiseSchedule MakeSchedule(SamplerKind kind, SchedulerConfig config, bool inSigmas, bool singlePrecision)
    {
        bool lcm = kind == SamplerKind.Lcm;
        int trainTimesteps = config.TrainTimesteps ?? 1000;
        NoiseSchedule schedule;
        if (config.TrainedBetas is { } betas)
        {
            if (betas.Count != trainTimesteps)
                throw SchedulerConfigException.Unsupported("trained_betas", $"a list of {betas.Count}", $"{trainTimesteps} values, as many as num_train_timesteps");
            schedule = NoiseSchedule.FromBetas(CollectionsMarshal.AsSpan(betas.ToList()));
        }
        else
        {
            schedule = NoiseSchedule.Create(
                config.BetaSchedule ?? (lcm ? BetaSchedule.ScaledLinear : BetaSchedule.Linear),
                trainTimesteps,
                config.BetaStart ?? (lcm ? 0.00085 : 0.0001),
                config.BetaEnd ?? (lcm ? 0.012 : 0.02),
                singlePrecision);
        }

        if (kind != SamplerKind.Pndm && config.RescaleBetasZeroSnr == true)
            schedule = schedule.RescaledToZeroSnr();
        return inSigmas ? schedule.WithFiniteSigmas() : schedule;
    }

    private static void RefuseUnsupported(SamplerKind kind, SchedulerConfig config, bool dpm)
    {
        string[] known = kind switch
        {
            SamplerKind.DpmSolverPlusPlus2M =>
                ["thresholding", "use_lu_lambdas", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas", "lambda_min_clipped"],
            SamplerKind.Euler => ["use_exponential_sigmas", "use_beta_sigmas", "sigma_min", "sigma_max", "interpolation_type", "timestep_type"],
            SamplerKind.Ddim or SamplerKind.Ddpm or SamplerKind.Lcm => ["thresholding"],
            _ => [],
        };
        foreach (string key in known)
        {
            if (config.Unsupported.TryGetValue(key, out string? value))
            {
                string supported = key switch { "interpolation_type" => "linear", "timestep_type" => "discrete", _ when value == "true" => "false", _ => "null" };
                throw SchedulerConfigException.Unsupported(key, value, $"{supported} (sampling method {kind.Name()})", "try another sampling method");
            }
        }

        if (dpm)
        {
            Require("algorithm_type", config.AlgorithmType, "dpmsolver++", "sde-dpmsolver++");
            Require("solver_type", config.SolverType, "midpoint");
            if (config.SolverOrder == 3)
                throw SchedulerConfigException.Unsupported("solver_order", "3", "1, 2");
            if (config.VarianceType is "learned" or "learned_range")
                throw SchedulerConfigException.Unsupported("variance_type", $"'{config.VarianceType}'", "null");
        }

        if (kind == SamplerKind.Ddpm)
            Require("variance_type", config.VarianceType, "fixed_small", "fixed_large");
        if (kind == SamplerKind.Pndm && config.Prediction == PredictionType.Sample)
            throw SchedulerConfigException.Unsupported("prediction_type", "'sample'", "epsilon, v_prediction (sampling method pndm)", "try another sampling method");
    }

    private static void Require(string key, string? value, params string[] supported)
    {
        if (value is not null && !supported.Contains(value))
            throw SchedulerConfigException.Unsupported(key, $"'{value}'", string.Join(", ", supported));
    }
}
