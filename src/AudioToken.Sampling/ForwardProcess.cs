using AudioToken.Tensors;

namespace AudioToken.Sampling;

/// <summary>The noising direction of diffusion, which training (and starting from a picture) needs. Ho et al. 2020, equation 4.</summary>
/// <remarks>The forms on spans take a timestep a sample, those on tensors one for all.</remarks>
public static class ForwardProcess
{
    /// <summary>Noisy samples sqrt(ac[t]) x0 + sqrt(1 - ac[t]) n.</summary>
    /// <param name="schedule">The noise levels.</param>
    /// <param name="clean">x0: samples one after the other.</param>
    /// <param name="noise">n, unit variance, as many values.</param>
    /// <param name="timesteps">One for each sample, 0 to N - 1.</param>
    /// <param name="destination">As many values; may be <paramref name="clean"/> or <paramref name="noise"/>.</param>
    public static void AddNoise(NoiseSchedule schedule, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, ReadOnlySpan<int> timesteps, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        Combine(schedule, clean, noise, timesteps, destination, velocity: false);
    }

    /// <summary>The velocities sqrt(ac[t]) n - sqrt(1 - ac[t]) x0: the training target of v-prediction. Arguments as for AddNoise.</summary>
    public static void Velocity(NoiseSchedule schedule, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, ReadOnlySpan<int> timesteps, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        Combine(schedule, clean, noise, timesteps, destination, velocity: true);
    }

    /// <summary>Noisy samples at one timestep; the innermost open scope owns them.</summary>
    public static Tensor AddNoise(ITensorOps ops, NoiseSchedule schedule, Tensor clean, Tensor noise, int timestep)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(schedule);
        (float signal, float sigma) = Factors(schedule, timestep);
        return ops.WeightedSum([new(clean, signal), new(noise, sigma)]);
    }

    /// <summary>Velocities at one timestep; the innermost open scope owns them.</summary>
    public static Tensor Velocity(ITensorOps ops, NoiseSchedule schedule, Tensor clean, Tensor noise, int timestep)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(schedule);
        (float signal, float sigma) = Factors(schedule, timestep);
        return ops.WeightedSum([new(noise, signal), new(clean, -sigma)]);
    }

    private static void Combine(
        NoiseSchedule schedule, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, ReadOnlySpan<int> timesteps, Span<float> destination, bool velocity)
    {
        if (noise.Length != clean.Length || destination.Length != clean.Length || timesteps.Length == 0 || clean.Length % timesteps.Length != 0)
        {
            throw new ShapeException(
                $"{(velocity ? "Velocity" : "AddNoise")}: {clean.Length} clean values, {noise.Length} of noise, {destination.Length} wanted, {timesteps.Length} timesteps.");
        }

        int stride = clean.Length / timesteps.Length;
        for (int sample = 0; sample < timesteps.Length; sample++)
        {
            (float signal, float sigma) = Factors(schedule, timesteps[sample]);
            for (int i = sample * stride; i < (sample + 1) * stride; i++)
                destination[i] = velocity ? signal * noise[i] - sigma * clean[i] : signal * clean[i] + sigma * noise[i];
        }
    }

    private static (float Signal, float Sigma) Factors(NoiseSchedule schedule, int timestep)
    {
        if ((uint)timestep >= (uint)schedule.TrainTimesteps)
            throw new ArgumentOutOfRangeException(nameof(timestep), timestep, $"A timestep of this schedule is 0 to {schedule.TrainTimesteps - 1}.");
        double ac = schedule.AlphasCumprod[timestep];
        return ((float)Math.Sqrt(ac), (float)Math.Sqrt(1 - ac));
    }
}
