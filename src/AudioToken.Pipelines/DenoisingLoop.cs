using AudioToken.Models.Unet;
using AudioToken.Sampling;
using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Noise to latents: a sampler's plan, whose model is a UNet under guidance.</summary>
/// <remarks>A step is one piece of work from latents to latents, which a device may record and replay; what it takes of memory and of noise is there before the
/// first one. Where a device works behind the host's back, what is not finite is told after the last step.</remarks>
internal sealed class DenoisingLoop
{
    /// <summary>What to do.</summary>
    public required SamplerPlan Plan { get; init; }

    /// <summary>Predicts the noise.</summary>
    public required UnetModel Unet { get; init; }

    /// <summary>Of the plan's timesteps.</summary>
    public required UnetTimes Times { get; init; }

    /// <summary>Of as many samples as the latents, or twice as many under guidance: first the unconditional ones.</summary>
    public required UnetContext Context { get; init; }

    /// <summary>Strength of guidance.</summary>
    public required float GuidanceScale { get; init; }

    /// <summary>Noise for the steps that draw some.</summary>
    public required LatentNoise Noise { get; init; }

    /// <summary>Sees every step's tensors.</summary>
    public TraceWriter Trace { get; init; }

    /// <summary>Told of a step before it is asked for.</summary>
    public Action<int> Begins { get; init; } = _ => { };

    /// <summary>Runs all steps.</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="init">Noise of unit variance, [B, h, w, 4].</param>
    /// <returns>Latents, [B, h, w, 4]; the caller's scope owns them.</returns>
    /// <exception cref="NumericFaultException">A prediction is not finite.</exception>
    public Tensor Run(ITensorOps ops, Tensor init)
    {
        // A trace shows what came before a fault, so it looks at once too.
        bool atOnce = !ops.IsAsynchronous || Trace.WantsSteps;
        using TensorScope loop = ops.Scope();
        SamplerRun run = Start(ops, init);
        Tensor fault = ops.Upload([0f, 0, 0], [3]);
        Trace.Map(ops, "latents.init", run.Sample);
        using RepeatedStep step = ops.Repeat(index => Step(ops, run, index, fault));
        for (int i = 0; i < Plan.Steps.Length; i++)
        {
            Begins(i);
            step.Run();
            if (atOnce)
                Finite.Require(ops, fault, "noise_pred", init.Shape);
            if (Trace.WantsSteps)
            {
                Trace.Map(ops, GenerationTrace.Numbered("noise_pred", i), run.Prediction);
                Trace.Map(ops, GenerationTrace.Numbered("latents", i), run.Sample);
            }
        }

        if (!atOnce)
            Finite.Require(ops, fault, "noise_pred", init.Shape);
        return loop.Keep(run.Sample);
    }

    /// <summary>Makes what the steps change and what they take, in the scope that is open.</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="init">Noise of unit variance, [B, h, w, 4].</param>
    public SamplerRun Start(ITensorOps ops, Tensor init) =>
        new(Plan, ops, init, DrawAhead(ops), Context.Batch == init.Shape[0] ? [1] : Guidance.Weights(GuidanceScale));

    /// <summary>Takes a step on the run's own tensors: one UNet call with its guidance, the sampler's step, and a look for what is not finite.</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="run">Made by <see cref="Start"/>.</param>
    /// <param name="index">Which step; they come in their order.</param>
    /// <param name="fault">Takes the first fault, as <see cref="ITensorOps.FirstFault"/> does.</param>
    public void Step(ITensorOps ops, SamplerRun run, StepIndex index, Tensor fault)
    {
        using TensorScope scope = ops.Scope();
        int count = run.Input.Shape[0];
        Tensor predicted = Unet.Forward(ops, run.Input, Times.At(ops, index), Context); // [B, h, w, 4], or [2B, h, w, 4]: the same latents under both halves of the context
        if (Context.Batch == count)
            run.Advance(ops, index, predicted);
        else
            run.Advance(ops, index, predicted.Slice(0, count), predicted.Slice(count, count));
        ops.FirstFault(run.Prediction, index, fault);
    }

    // Noise of each step, where any draws some, [S, values of a step]; zeros for the steps that draw none.
    private Tensor DrawAhead(ITensorOps ops)
    {
        if (!Plan.NeedsNoise)
            return default;
        int steps = Plan.Steps.Length, count = (int)Noise.Shape.Count;
        float[] host = new float[checked(steps * count)];
        for (int i = 0; i < steps; i++)
        {
            if (Plan.Steps[i].DrawsNoise)
                Noise.DrawStep(host.AsSpan(i * count, count));
        }

        return ops.Upload(host, [steps, count]);
    }
}
