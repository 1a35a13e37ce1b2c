using System.Collections.Immutable;
using AudioToken.Tensors;

namespace AudioToken.Sampling;

/// <summary>Carries out a plan for one batch: holds the sample and what later steps need of earlier ones, each at its place.</summary>
/// <remarks>
/// All its tensors are made at the start, in the scope that is open then; a step changes their values, makes no tensors and no managed objects, and is one
/// operation whose factors stand in a table on the device. So a step may be recorded and replayed:
/// <code>
/// SamplerRun run = new(plan, ops, noise, drawn, Guidance.Weights(scale));
/// using RepeatedStep step = ops.Repeat(index =>
/// {
///     using TensorScope scope = ops.Scope();
///     (Tensor unconditional, Tensor conditional) = Predict(run.Input, index);
///     run.Advance(ops, index, [unconditional, conditional]);
/// });
/// </code>
/// </remarks>
public sealed class SamplerRun
{
    private readonly StepSum[] _sums;
    private readonly Tensor _factors;
    private readonly Tensor[] _outputs; // terms of the first sum
    private readonly Tensor _drawn;
    private readonly Memory<Tensor> _noise; // the term of which each step has its own, if there is one

    /// <summary>Starts a run.</summary>
    /// <param name="plan">What to do.</param>
    /// <param name="ops">The operations.</param>
    /// <param name="noise">Noise of unit variance, e.g. [B, H, W, 4].</param>
    /// <param name="drawn">Noise of unit variance for each step, [S, values of <paramref name="noise"/>], if any step adds some. Must outlive the run.</param>
    /// <param name="outputWeights">Weights of the model's outputs in its prediction: <see cref="Guidance.Weights"/>, or 1 for one output.</param>
    /// <exception cref="ShapeException">The plan adds noise and was given none.</exception>
    public SamplerRun(SamplerPlan plan, ITensorOps ops, Tensor noise, Tensor drawn, params ReadOnlySpan<float> outputWeights)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(ops);
        ImmutableArray<SamplerStep> steps = plan.Steps;
        if (drawn.IsEmpty && steps.Any(step => step.NoiseFactor != 0))
            throw new ShapeException($"Sampler {plan.Kind} adds noise and was given none.");

        _drawn = drawn;
        Sample = State(plan.InitialSigma);
        Input = steps.Any(step => step.InputFactor != 1) ? ops.WeightedSum([new(Sample, (float)steps[0].InputFactor)]) : Sample;
        Prediction = State(0);
        Tensor derived = steps.Any(step => step.HasDerived) ? State(0) : default;
        Tensor start = steps.Any(step => step.BaseFactor != 0) ? State(0) : default;
        Tensor next = start.IsEmpty ? Sample : State(0); // the base sample's change reads the sample before it
        Tensor[] history = new Tensor[plan.HistoryDepth]; // stored derived quantities, latest first
        for (int i = 0; i < history.Length; i++)
            history[i] = State(0);

        StepSums sums = new(steps.Length);
        (Tensor, float[])[] outputs = new (Tensor, float[])[outputWeights.Length];
        for (int i = 0; i < outputs.Length; i++)
            outputs[i] = (default, [.. Enumerable.Repeat(outputWeights[i], steps.Length)]);
        _outputs = sums.Add(Prediction, limit: null, outputs);
        sums.Add(
            derived, Each(step => step.Clip),
            (Sample, Each(step => step.HasDerived ? step.DerivedFromSample : 0)), (Prediction, Each(step => step.HasDerived ? step.DerivedFromOutput : 0)));
        Tensor[] terms = sums.Add(
            next, limit: null,
            (Sample, Each(step => step.SampleFactor)), (start, Each(step => step.BaseFactor)), (Prediction, Each(step => step.OutputFactor)), (derived, Each(step => step.D0)),
            (Stored(0), Each(step => step.D1)), (Stored(1), Each(step => step.D2)), (Stored(2), Each(step => step.D3)), (default, Each(step => step.NoiseFactor)));
        _noise = terms.AsMemory(Array.FindIndex(terms, term => term.IsEmpty) is >= 0 and int at ? at.. : ^0..);
        if (!start.IsEmpty)
        {
            sums.Add(
                start, limit: null,
                (Sample, Each(step => step.ChangesBase ? step.BaseFromSample : 0)), (start, Each(step => step.ChangesBase ? step.BaseFromBase : 0)));
            sums.Add(Sample, limit: null, (next, Each(_ => 1)));
        }

        for (int i = history.Length - 1; i >= 0; i--)
            sums.Add(history[i], limit: null, (i == 0 ? derived : history[i - 1], Each(step => step.StoresDerived ? 1 : 0)));
        if (!ReferenceEquals(Input.Storage, Sample.Storage))
            sums.Add(Input, limit: null, (Sample, [.. steps.Skip(1).Select(step => (float)step.InputFactor), 0]));
        (_sums, _factors) = (sums.Sums, sums.Upload(ops));

        Tensor State(double factor) => ops.WeightedSum([new(noise, (float)factor)]);
        Tensor Stored(int age) => age < history.Length ? history[age] : default;
        float[] Each(Func<SamplerStep, double> factor) => [.. steps.Select(step => (float)factor(step))];
    }

    /// <summary>The sample; after the last step the result.</summary>
    public Tensor Sample { get; }

    /// <summary>What the model sees at the next step: the sample, scaled where the sampler wants it.</summary>
    public Tensor Input { get; }

    /// <summary>The model's prediction at the last step: its outputs, weighted.</summary>
    public Tensor Prediction { get; }

    /// <summary>Takes one step.</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="step">Which step of the plan; steps come in their order.</param>
    /// <param name="outputs">The model's outputs, as many as there are weights, each of the sample's shape.</param>
    public void Advance(ITensorOps ops, StepIndex step, params ReadOnlySpan<Tensor> outputs)
    {
        ArgumentNullException.ThrowIfNull(ops);
        if (outputs.Length != _outputs.Length)
            throw new ShapeException($"Sampler: the model gave {outputs.Length} outputs, wanted {_outputs.Length}.");
        using TensorScope scope = ops.Scope();
        outputs.CopyTo(_outputs);
        if (!_noise.IsEmpty)
        {
            Tensor row = default;
            ops.SelectRows([_drawn], step, new Span<Tensor>(ref row));
            _noise.Span[0] = row.Reshape(Sample.Shape);
        }

        ops.Advance(_sums, _factors, step);
    }
}
