using System.Collections.Immutable;

namespace AudioToken.Sampling;

/// <summary>Multistep sampling of a latent consistency model: predict the clean sample, add noise of the next level, repeat. Luo et al. 2023.</summary>
internal static class LcmSampler
{
    // Deviation of the data in the boundary condition; Song et al. 2023, appendix C.
    private const double SigmaData = 0.5;

    public static SamplerPlan Plan(SamplerSettings settings, int steps)
    {
        int distilled = settings.OriginalInferenceSteps, train = settings.TrainTimesteps;
        if (distilled > train)
            throw SchedulerConfigException.Unsupported("original_inference_steps", Text.Of(distilled), $"1 to {train}, num_train_timesteps");
        if (steps > distilled)
            throw new SamplerOptionException(ErrorCode.Steps, $"steps is {steps}, expected 1 to {distilled}, the steps this LCM was distilled for.", "--steps 4");

        // The distilled timesteps, falling, are ratio * k - 1; a run takes every (distilled / steps)-th of them.
        int ratio = train / distilled;
        double stride = (double)distilled / steps;
        int Timestep(int i) => (distilled - (int)Math.Floor(i * stride)) * ratio - 1;

        var plan = ImmutableArray.CreateBuilder<SamplerStep>(steps);
        for (int i = 0; i < steps; i++)
        {
            int timestep = Timestep(i);
            bool isLast = i == steps - 1;
            double ac = settings.AlphaCumprod(timestep), next = isLast ? 1 : settings.AlphaCumprod(Timestep(i + 1));
            double scaled = settings.TimestepScaling * timestep, norm = scaled * scaled + SigmaData * SigmaData;
            double skip = SigmaData * SigmaData / norm, output = scaled / Math.Sqrt(norm);
            plan.Add(new SamplerStep
            {
                Timestep = timestep,
                SampleFactor = Math.Sqrt(next) * skip,
                NoiseFactor = Math.Sqrt(1 - next),
                DrawsNoise = !isLast,
            }.PlusClean(Math.Sqrt(next) * output, Prediction.Clean(settings.Prediction, Math.Sqrt(ac), Math.Sqrt(1 - ac)), settings.Clip));
        }

        return new SamplerPlan(settings.Kind, 1, plan.MoveToImmutable(), train);
    }
}
