using System.Collections.Immutable;

namespace AudioToken.Sampling;

/// <summary>Pseudo numerical methods for diffusion: a linear multistep method whose first steps are either shorter formulas (Stable
/// Diffusion's way) or Runge-Kutta steps. Liu et al. 2022.</summary>
internal static class PndmSampler
{
    // Of the linear multistep method, and so the number of timesteps over which Runge-Kutta steps fill its history.
    private const int Order = 4;

    public static SamplerPlan Plan(SamplerSettings settings, int steps)
    {
        int[] timesteps = Timesteps.Whole(settings, steps);
        var plan = ImmutableArray.CreateBuilder<SamplerStep>();
        if (settings.SkipPrkSteps)
            AddFirstSteps(plan, settings, timesteps);
        else
            AddRungeKutta(plan, settings, timesteps);

        int ratio = settings.TrainTimesteps / steps;
        int done = settings.SkipPrkSteps ? 1 : Order - 1, stored = done;
        foreach (int timestep in timesteps.Skip(done))
        {
            (double sample, double output) = Transfer(settings, timestep, timestep - ratio);
            SamplerStep step = Storing(timestep) with { SampleFactor = sample };
            plan.Add(stored++ switch
            {
                1 => step with { D0 = output * 3 / 2, D1 = -output / 2 },
                2 => step with { D0 = output * 23 / 12, D1 = -output * 16 / 12, D2 = output * 5 / 12 },
                _ => step with { D0 = output * 55 / 24, D1 = -output * 59 / 24, D2 = output * 37 / 24, D3 = -output * 9 / 24 },
            });
        }

        return new SamplerPlan(settings.Kind, 1, plan.ToImmutable(), settings.TrainTimesteps);
    }

    // An Euler step, then the same step again from the same sample with the mean of both ends' outputs. The second call's output is
    // not remembered: its timestep comes again.
    private static void AddFirstSteps(ImmutableArray<SamplerStep>.Builder plan, SamplerSettings settings, int[] timesteps)
    {
        int ratio = settings.TrainTimesteps / timesteps.Length, first = timesteps[0];
        (double sample, double output) = Transfer(settings, first, first - ratio);
        plan.Add(Storing(first) with { SampleFactor = sample, D0 = output, BaseFromSample = 1, BaseFromBase = 0 });
        if (timesteps.Length == 1)
            return;
        int second = timesteps[1];
        (sample, output) = Transfer(settings, second + ratio, second);
        plan.Add(new SamplerStep { Timestep = second, BaseFactor = sample, OutputFactor = output / 2, D1 = output / 2 });
    }

    // Three classical Runge-Kutta steps of four calls each: x' = transfer(b, (m0 + 2 m1 + 2 m2 + m3) / 6) from the sample b of the
    // first call. Only m0 is remembered. m1 and m2 come back out of the samples they led to: x2 = A b + F m1 is folded into the base
    // sample at the third call, and x3 = A' b + F' m2 is the sample at the fourth.
    private static void AddRungeKutta(ImmutableArray<SamplerStep>.Builder plan, SamplerSettings settings, int[] timesteps)
    {
        if (timesteps.Length < Order)
        {
            throw new SamplerOptionException(
                ErrorCode.Steps,
                $"sampling method pndm with Runge-Kutta steps (skip_prk_steps false): steps is {timesteps.Length}, expected at least {Order}.",
                "--steps 20");
        }

        int half = settings.TrainTimesteps / timesteps.Length / 2;
        for (int i = 0; i < Order - 1; i++)
        {
            int start = timesteps[i], end = timesteps[i + 1], middle = end + half;
            (double sample, double output) = Transfer(settings, start, start - half);
            plan.Add(Storing(start) with { SampleFactor = sample, D0 = output, BaseFromSample = 1, BaseFromBase = 0 });
            (double toMiddle, double slopeToMiddle) = Transfer(settings, start, middle);
            plan.Add(new SamplerStep { Timestep = middle, BaseFactor = toMiddle, OutputFactor = slopeToMiddle });
            (double toEnd, double slopeToEnd) = Transfer(settings, start, end);
            double share = slopeToEnd / (3 * slopeToMiddle);
            plan.Add(new SamplerStep
            {
                Timestep = middle,
                BaseFactor = toEnd,
                OutputFactor = slopeToEnd,
                BaseFromSample = share,
                BaseFromBase = 2 * toEnd / 3 - share * toMiddle,
            });
            plan.Add(new SamplerStep { Timestep = end, SampleFactor = 1.0 / 3, BaseFactor = 1, OutputFactor = slopeToEnd / 6, D1 = slopeToEnd / 6 });
        }
    }

    // The derived quantity is the model's output as it is.
    private static SamplerStep Storing(int timestep) => new() { Timestep = timestep, DerivedFromOutput = 1, StoresDerived = true };

    /// <summary>The sample at timestep <paramref name="to"/> from sample and output at <paramref name="from"/>; equation 11.</summary>
    private static LinearForm Transfer(SamplerSettings settings, int from, int to)
    {
        double ac = settings.AlphaCumprod(from), next = settings.AlphaCumprod(to);
        double sample = Math.Sqrt(next / ac);
        double noise = -(next - ac) / (ac * Math.Sqrt(1 - next) + Math.Sqrt(ac * (1 - ac) * next));
        return settings.Prediction == PredictionType.Velocity
            ? new(sample + noise * Math.Sqrt(1 - ac), noise * Math.Sqrt(ac))
            : new(sample, noise);
    }
}
