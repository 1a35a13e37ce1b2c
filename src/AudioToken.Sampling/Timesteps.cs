namespace AudioToken.Sampling;

/// <summary>Rules by which a run's timesteps are picked; spec of each in diffusers' <c>set_timesteps</c>.</summary>
internal static class Timesteps
{
    /// <summary>Whole timesteps, falling, of PNDM, DDIM and DDPM.</summary>
    public static int[] Whole(SamplerSettings settings, int steps)
    {
        int last = settings.TrainTimesteps - 1;
        int ratio = settings.TrainTimesteps / steps;
        return settings.Spacing switch
        {
            TimestepSpacing.Leading => Falling(settings, steps, i => i * ratio + settings.StepsOffset),
            TimestepSpacing.Linspace => Falling(settings, steps, i => (int)Math.Round(Linspace(last, steps, i))),
            _ => Trailing(settings.TrainTimesteps, steps),
        };
    }

    /// <summary>Timesteps of Euler's samplers, falling; linspace ones are not rounded.</summary>
    public static double[] Fractional(SamplerSettings settings, int steps)
    {
        if (settings.Spacing != TimestepSpacing.Linspace)
            return Array.ConvertAll(Whole(settings, steps), timestep => (double)timestep);
        double[] timesteps = new double[steps];
        for (int i = 0; i < steps; i++)
            timesteps[steps - 1 - i] = Linspace(settings.TrainTimesteps - 1, steps, i);
        return timesteps;
    }

    /// <summary>Whole timesteps of DPM-Solver++, falling: one more than needed is laid out and the smallest left for the end.</summary>
    public static int[] ForSolver(SamplerSettings settings, int steps)
    {
        int last = settings.TrainTimesteps - 1;
        int ratio = settings.TrainTimesteps / (steps + 1);
        return settings.Spacing switch
        {
            TimestepSpacing.Leading => Falling(settings, steps, i => (i + 1) * ratio + settings.StepsOffset),
            TimestepSpacing.Linspace => Falling(settings, steps, i => (int)Math.Round(Linspace(last, steps + 1, i + 1))),
            _ => Trailing(settings.TrainTimesteps, steps),
        };
    }

    private static int[] Falling(SamplerSettings settings, int steps, Func<int, int> ascending)
    {
        int[] timesteps = new int[steps];
        for (int i = 0; i < steps; i++)
            timesteps[steps - 1 - i] = ascending(i);
        // Only the offset can lead out of the range.
        if (timesteps[0] < settings.TrainTimesteps)
            return timesteps;
        throw new SamplerOptionException(
            ErrorCode.Steps,
            $"sampling method {settings.Kind.Name()}: {steps} steps with steps_offset {settings.StepsOffset} reach timestep {timesteps[0]}, "
            + $"expected at most {settings.TrainTimesteps - 1}.",
            "fewer --steps");
    }

    private static int[] Trailing(int trainTimesteps, int steps)
    {
        int[] timesteps = new int[steps];
        for (int i = 0; i < steps; i++)
            timesteps[i] = (int)Math.Round(trainTimesteps - i * ((double)trainTimesteps / steps)) - 1;
        return timesteps;
    }

    // numpy.linspace(0, last, count)[i]: a single point is the start.
    private static double Linspace(int last, int count, int i) => count == 1 ? 0 : i == count - 1 ? last : i * ((double)last / (count - 1));
}
