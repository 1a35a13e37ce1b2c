using System.Collections.Immutable;

namespace AudioToken.Sampling;

/// <summary>A whole sampling run as a table: what each step tells the model and how it combines tensors. Immutable; depends on the
/// schedule, the number of steps and the options, never on the picture.</summary>
public sealed class SamplerPlan
{
    /// <summary>Makes a plan.</summary>
    /// <param name="kind">The sampler.</param>
    /// <param name="initialSigma">Factor of unit-variance noise that starts the run.</param>
    /// <param name="steps">At least one.</param>
    /// <param name="trainTimesteps">N: timesteps lie in 0 to N - 1.</param>
    /// <param name="sigmas">Noise levels before each step and after the last; empty for samplers that do not step through sigmas.</param>
    /// <exception cref="SamplerOptionException">A timestep lies outside the training range, or a factor is not finite: the schedule has
    /// no room for so many steps.</exception>
    public SamplerPlan(SamplerKind kind, double initialSigma, ImmutableArray<SamplerStep> steps, int trainTimesteps, ImmutableArray<double> sigmas = default)
    {
        ArgumentOutOfRangeException.ThrowIfZero(steps.Length);
        for (int i = 0; i < steps.Length; i++)
        {
            SamplerStep step = steps[i];
            if (!(step.Timestep >= 0 && step.Timestep <= trainTimesteps - 1))
            {
                throw new SamplerOptionException(
                    ErrorCode.Steps,
                    $"sampling method {kind.Name()}: step {i + 1} of {steps.Length} falls on timestep {Text.Of(step.Timestep)}, expected 0 to {trainTimesteps - 1}.",
                    "fewer --steps");
            }

            if (!step.IsFinite)
            {
                throw new SamplerOptionException(
                    ErrorCode.Steps,
                    $"sampling method {kind.Name()}: step {i + 1} of {steps.Length} has no finite size, expected timesteps that differ.",
                    "fewer --steps");
            }
        }

        Kind = kind;
        InitialSigma = initialSigma;
        Steps = steps;
        Sigmas = sigmas.IsDefault ? [] : sigmas;
        HistoryDepth = steps.Max(step => step.HistoryDepth);
        NoiseDraws = steps.Count(step => step.DrawsNoise);
    }

    /// <summary>The sampler.</summary>
    public SamplerKind Kind { get; }

    /// <summary>Factor of unit-variance noise that starts the run (diffusers' <c>init_noise_sigma</c>).</summary>
    public double InitialSigma { get; }

    /// <summary>The steps, one model call each, in order. May be more than were asked for: PNDM repeats a timestep.</summary>
    public ImmutableArray<SamplerStep> Steps { get; }

    /// <summary>Noise levels before each step and after the last, for the samplers that step through sigmas; else empty.</summary>
    public ImmutableArray<double> Sigmas { get; }

    /// <summary>Most stored derived quantities that any step reads, 0 to 3.</summary>
    public int HistoryDepth { get; }

    /// <summary>How many tensors of noise the run takes from the sampler's stream.</summary>
    public int NoiseDraws { get; }

    /// <summary>True if any step takes noise.</summary>
    public bool NeedsNoise => NoiseDraws > 0;
}
