using System.Collections.Immutable;

namespace AudioToken.Sampling;

/// <summary>Denoising diffusion implicit models. Song et al. 2021, equation 12.</summary>
internal static class DdimSampler
{
    public static SamplerPlan Plan(SamplerSettings settings, int steps, double eta)
    {
        int ratio = settings.TrainTimesteps / steps;
        var plan = ImmutableArray.CreateBuilder<SamplerStep>(steps);
        foreach (int timestep in Timesteps.Whole(settings, steps))
        {
            double ac = settings.AlphaCumprod(timestep), next = settings.AlphaCumprod(timestep - ratio);
            double alpha = Math.Sqrt(ac), sigma = Math.Sqrt(1 - ac);
            double variance = (1 - next) / (1 - ac) * (1 - ac / next);
            double noise = eta * Math.Sqrt(Math.Max(variance, 0));
            // The clip limits x0 only; the direction back to x keeps the model's own estimate of the noise.
            LinearForm direction = Prediction.Noise(settings.Prediction, alpha, sigma);
            double length = Math.Sqrt(Math.Max(1 - next - noise * noise, 0));
            plan.Add(new SamplerStep
            {
                Timestep = timestep,
                SampleFactor = length * direction.Sample,
                OutputFactor = length * direction.Output,
                NoiseFactor = noise,
                DrawsNoise = eta > 0,
            }.PlusClean(Math.Sqrt(next), Prediction.Clean(settings.Prediction, alpha, sigma), settings.Clip));
        }

        return new SamplerPlan(settings.Kind, 1, plan.MoveToImmutable(), settings.TrainTimesteps);
    }
}
