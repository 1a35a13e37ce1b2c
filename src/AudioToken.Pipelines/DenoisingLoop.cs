using AudioToken.Models.Unet;
using AudioToken.Sampling;
using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>Noise to latents: a sampler's plan, whose model is a UNet under guidance.</summary>
/// <remarks>A device that works behind the host's back is asked for everything at once: noise is uploaded before the first step, and what is
/// not finite is looked for on the device and told after the last step.</remarks>
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
        using TensorScope scope = ops.Scope();
        float[] host = Plan.NeedsNoise ? new float[init.Shape.Count] : [];
        Tensor[] drawn = ops.IsAsynchronous ? DrawAhead(ops, host) : [];
        using RepeatedStep prediction = ops.Repeat((x, step) => Predict(ops, x, step));
        return scope.Keep(Run(ops, init, prediction, drawn, host));
    }

    private Tensor Run(ITensorOps ops, Tensor init, RepeatedStep prediction, Tensor[] drawn, float[] host)
    {
        // A trace shows what came before a fault, so it looks at once too.
        bool atOnce = !ops.IsAsynchronous || Trace.WantsSteps;
        using TensorScope loop = ops.Scope();
        SamplerRun run = new(Plan, ops, loop, init);
        Trace.Map(ops, "latents.init", run.Sample);
        Tensor fault = default;
        while (!run.IsDone)
        {
            int i = run.StepIndex;
            Begins(i);
            Tensor predicted = Predict(ops, run, prediction);
            Tensor met = ops.FirstFault(predicted, i + 1, fault);
            loop.Release(fault);
            fault = met;
            if (atOnce)
                Finite.Require(ops, fault, "noise_pred", init.Shape);
            if (Trace.WantsSteps)
                Trace.Map(ops, GenerationTrace.Numbered("noise_pred", i), predicted);
            Tensor noise = !run.DrawsNoise ? default : drawn.Length > 0 ? drawn[i] : Draw(ops, host);
            run.Advance(ops, predicted, noise);
            if (Trace.WantsSteps)
                Trace.Map(ops, GenerationTrace.Numbered("latents", i), run.Sample);
        }

        if (!atOnce)
            Finite.Require(ops, fault, "noise_pred", init.Shape);
        return loop.Keep(run.Sample);
    }

    // Each step's noise, where it draws some; of the outer scope, so that the run leaves it alone.
    private Tensor[] DrawAhead(ITensorOps ops, float[] host)
    {
        Tensor[] drawn = new Tensor[Plan.Steps.Length];
        for (int i = 0; i < drawn.Length; i++)
            drawn[i] = Plan.Steps[i].DrawsNoise ? Draw(ops, host) : default;
        return drawn;
    }

    private Tensor Draw(ITensorOps ops, float[] host)
    {
        Noise.DrawStep(host);
        return ops.Upload(host, Noise.Shape);
    }

    private static Tensor Predict(ITensorOps ops, SamplerRun run, RepeatedStep prediction)
    {
        using TensorScope scope = ops.Scope();
        return scope.Keep(prediction.Run(run.ModelInput(ops)));
    }

    // One UNet call with its guidance, [B, h, w, 4] to [B, h, w, 4].
    private Tensor Predict(ITensorOps ops, Tensor x, StepIndex step)
    {
        using TensorScope scope = ops.Scope();
        int count = x.Shape[0];
        Tensor predicted = Unet.Forward(ops, x, Times.At(ops, step), Context); // [B, h, w, 4], or [2B, h, w, 4]: the same latents under both halves of the context
        return scope.Keep(Context.Batch == count ? predicted : Guidance.Combine(ops, predicted.Slice(0, count), predicted.Slice(count, count), GuidanceScale));
    }
}
