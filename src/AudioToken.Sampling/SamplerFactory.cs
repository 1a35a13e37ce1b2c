namespace AudioToken.Sampling;

/// <summary>Makes sampling plans: the one door to all samplers.</summary>
public static class SamplerFactory
{
    /// <summary>Plans a run.</summary>
    /// <param name="kind">The sampler, the configuration's own (<see cref="SchedulerConfig.GetDefaultSampler"/>) or another.</param>
    /// <param name="karras">True takes the noise levels of Karras et al. 2022, false the schedule's own ("discrete"); null as the
    /// configuration says.</param>
    /// <param name="config">The model's scheduler configuration.</param>
    /// <param name="steps">Number of steps, 1 to the configuration's training timesteps (LCM: to the steps it was distilled for).</param>
    /// <param name="options">Further choices.</param>
    /// <returns>The plan; PNDM's has one step more than asked for, with Runge-Kutta steps nine more.</returns>
    /// <exception cref="SamplerOptionException">Steps, eta or karras do not fit the sampler.</exception>
    /// <exception cref="SchedulerConfigException">The configuration asks for what the sampler does not do.</exception>
    public static SamplerPlan Create(SamplerKind kind, bool? karras, SchedulerConfig config, int steps, SamplerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        options ??= SamplerOptions.Default;
        if (!(options.Eta >= 0 && options.Eta <= 1))
            throw new SamplerOptionException(ErrorCode.Eta, $"eta is {Text.Of(options.Eta)}, expected 0 to 1.");
        SamplerSettings settings = SamplerSettings.Resolve(kind, config, karras, singlePrecision: !options.ExactTables);
        if (steps < 1 || steps > settings.TrainTimesteps)
        {
            throw new SamplerOptionException(
                ErrorCode.Steps, $"steps is {Text.Of(steps)}, expected 1 to {settings.TrainTimesteps}, the model's training timesteps.", "--steps 50");
        }

        return kind switch
        {
            SamplerKind.Pndm => PndmSampler.Plan(settings, steps),
            SamplerKind.Ddim => DdimSampler.Plan(settings, steps, options.Eta),
            SamplerKind.Ddpm => DdpmSampler.Plan(settings, steps),
            SamplerKind.DpmSolverPlusPlus2M => DpmSolverSampler.Plan(settings, steps, options.Convention),
            SamplerKind.Euler or SamplerKind.EulerAncestral => EulerSampler.Plan(settings, steps),
            SamplerKind.Lcm => LcmSampler.Plan(settings, steps),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a sampler."),
        };
    }
}
