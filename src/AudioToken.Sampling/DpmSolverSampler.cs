using System.Collections.Immutable;

namespace AudioToken.Sampling;

/// <summary>DPM-Solver++, multistep, of first or second order (midpoint), deterministic or stochastic. Lu et al. 2022, algorithm 2.</summary>
/// <remarks>In lambda = ln(alpha / sigma'), with alpha = 1 / sqrt(s^2 + 1) and sigma' = s alpha for a noise level s, a step of length h has
/// e^-h = target / s: the exponentials of the paper are ratios of levels, and a target of 0 needs no special case.</remarks>
internal static class DpmSolverSampler
{
    // From so many steps on, a second-order last step is stable.
    private const int FewSteps = 15;

    public static SamplerPlan Plan(SamplerSettings settings, int steps, SolverConvention convention)
    {
        SigmaTable table = new(settings.Schedule);
        int[] timesteps;
        double[] sigmas;
        bool endsAtZero = false;
        if (convention == SolverConvention.Diffusers016)
        {
            if (settings.Karras)
            {
                throw new SamplerOptionException(
                    ErrorCode.Scheduler, "scheduler karras is not supported in the convention of diffusers 0.16; supported: discrete.", "use the current convention");
            }

            // One level for each distinct timestep; the run ends at the level of timestep 0.
            timesteps = [.. Timesteps.ForSolver(settings with { Spacing = TimestepSpacing.Linspace }, steps).Distinct()];
            sigmas = [.. timesteps.Select(timestep => table.At(timestep)), table.Smallest];
        }
        else
        {
            endsAtZero = settings.FinalSigma == FinalSigma.Zero;
            double last = endsAtZero ? 0 : table.Smallest;
            if (settings.Karras)
            {
                sigmas = [.. SigmaTable.Karras(table.Largest, table.Smallest, steps), last];
                timesteps = [.. sigmas.Take(steps).Select(sigma => (int)Math.Round(table.TimeOf(sigma)))];
            }
            else
            {
                timesteps = Timesteps.ForSolver(settings, steps);
                sigmas = [.. timesteps.Select(timestep => table.At(timestep)), last];
            }
        }

        var plan = ImmutableArray.CreateBuilder<SamplerStep>(timesteps.Length);
        for (int i = 0; i < timesteps.Length; i++)
        {
            bool isLast = i == timesteps.Length - 1;
            bool firstOrder = i == 0 || settings.SolverOrder == 1
                || (isLast && (endsAtZero || settings.EulerAtFinal || (settings.LowerOrderFinal && timesteps.Length < FewSteps)));
            plan.Add(Step(settings, timesteps[i], firstOrder ? 0 : sigmas[i - 1], sigmas[i], sigmas[i + 1]));
        }

        return new SamplerPlan(settings.Kind, 1, plan.MoveToImmutable(), settings.TrainTimesteps, [.. sigmas]);
    }

    /// <summary>One step from a level to a lower one; of second order if the previous level is given (not 0).</summary>
    private static SamplerStep Step(SamplerSettings settings, int timestep, double previous, double sigma, double target)
    {
        double alpha = Alpha(sigma), targetAlpha = Alpha(target), decay = target / sigma;
        double sampleFactor = targetAlpha * target / (alpha * sigma), cleanFactor = targetAlpha * (1 - decay), noise = 0;
        if (settings.Stochastic)
        {
            sampleFactor *= decay;
            cleanFactor = targetAlpha * (1 - decay * decay);
            noise = targetAlpha * target * Math.Sqrt(Math.Max(1 - decay * decay, 0));
        }

        // Half the difference quotient of the last two predictions, over the ratio of the last two steps' lengths in lambda.
        double correction = previous == 0 ? 0 : 0.5 * cleanFactor * Math.Log(sigma / target) / Math.Log(previous / sigma);
        LinearForm clean = Prediction.Clean(settings.Prediction, alpha, sigma * alpha);
        return new SamplerStep
        {
            Timestep = timestep,
            DerivedFromSample = clean.Sample,
            DerivedFromOutput = clean.Output,
            StoresDerived = true,
            SampleFactor = sampleFactor,
            D0 = cleanFactor + correction,
            D1 = -correction,
            NoiseFactor = noise,
            DrawsNoise = settings.Stochastic,
        };
    }

    private static double Alpha(double sigma) => 1 / Math.Sqrt(sigma * sigma + 1);
}
