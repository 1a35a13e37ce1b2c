using System.Collections.Immutable;

namespace AudioToken.Sampling;

/// <summary>Ancestral sampling from the posterior. Ho et al. 2020, equation 7.</summary>
internal static class DdpmSampler
{
    // diffusers' floor: the posterior's variance is 0 where a step begins at timestep 0.
    private const double SmallestVariance = 1e-20;

    public static SamplerPlan Plan(SamplerSettings settings, int steps)
    {
        int[] timesteps = Timesteps.Whole(settings, steps);
        var plan = ImmutableArray.CreateBuilder<SamplerStep>(steps);
        for (int i = 0; i < steps; i++)
        {
            int timestep = timesteps[i];
            double ac = settings.AlphaCumprod(timestep);
            double next = i + 1 < steps ? settings.AlphaCumprod(timesteps[i + 1]) : 1;
            double kept = ac / next, added = 1 - kept;
            double variance = settings.LargeVariance ? added : Math.Max((1 - next) / (1 - ac) * added, SmallestVariance);
            bool noisy = timestep > 0;
            plan.Add(new SamplerStep
            {
                Timestep = timestep,
                SampleFactor = Math.Sqrt(kept) * (1 - next) / (1 - ac),
                NoiseFactor = noisy ? Math.Sqrt(variance) : 0,
                DrawsNoise = noisy,
            }.PlusClean(Math.Sqrt(next) * added / (1 - ac), Prediction.Clean(settings.Prediction, Math.Sqrt(ac), Math.Sqrt(1 - ac)), settings.Clip));
        }

        return new SamplerPlan(settings.Kind, 1, plan.MoveToImmutable(), settings.TrainTimesteps);
    }
}
