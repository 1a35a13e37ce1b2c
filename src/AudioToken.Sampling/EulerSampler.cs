using System.Collections.Immutable;

namespace AudioToken.Sampling;

/// <summary>Euler's method on dx/dsigma = (x - x0) / sigma, plain or with fresh noise at each step. Karras et al. 2022.</summary>
internal static class EulerSampler
{
    public static SamplerPlan Plan(SamplerSettings settings, int steps)
    {
        SigmaTable table = new(settings.Schedule);
        double[] timesteps = Timesteps.Fractional(settings, steps);
        double[] sigmas = Array.ConvertAll(timesteps, table.At);
        if (settings.Karras)
        {
            sigmas = SigmaTable.Karras(sigmas[0], sigmas[^1], steps);
            timesteps = Array.ConvertAll(sigmas, table.TimeOf);
        }

        bool ancestral = settings.Kind == SamplerKind.EulerAncestral;
        double last = !ancestral && settings.FinalSigma == FinalSigma.SigmaMin ? table.Smallest : 0;
        var plan = ImmutableArray.CreateBuilder<SamplerStep>(steps);
        for (int i = 0; i < steps; i++)
        {
            double sigma = sigmas[i], target = i + 1 < steps ? sigmas[i + 1] : last, down = target, up = 0;
            if (ancestral)
            {
                up = Math.Sqrt(target * target * (sigma * sigma - target * target) / (sigma * sigma));
                down = Math.Sqrt(target * target - up * up);
            }

            // The direction (x - x0) / sigma, for x = x0 + sigma n and a model that sees x / sqrt(sigma^2 + 1).
            double scale = Math.Sqrt(sigma * sigma + 1);
            LinearForm direction = settings.Prediction switch
            {
                PredictionType.Epsilon => new(0, 1),
                PredictionType.Velocity => new(sigma / (scale * scale), 1 / scale),
                _ => new(1 / sigma, -1 / sigma),
            };
            plan.Add(new SamplerStep
            {
                Timestep = timesteps[i],
                InputFactor = 1 / scale,
                SampleFactor = 1 + direction.Sample * (down - sigma),
                OutputFactor = direction.Output * (down - sigma),
                NoiseFactor = up,
                DrawsNoise = ancestral,
            });
        }

        double largest = sigmas.Max();
        double initial = settings.Spacing == TimestepSpacing.Leading ? Math.Sqrt(largest * largest + 1) : largest;
        return new SamplerPlan(settings.Kind, initial, plan.MoveToImmutable(), settings.TrainTimesteps, [.. sigmas, last]);
    }
}
