using AudioToken.Tensors;

namespace AudioToken.Sampling;

/// <summary>Carries out a plan for one batch: holds the sample and what later steps need of earlier ones.</summary>
/// <remarks>
/// <para>Its tensors live in the scope given at the start; that scope must be the innermost open one whenever <see cref="Advance"/> is
/// called. What the model makes belongs in a scope of its own, opened and closed for each step:</para>
/// <code>
/// using TensorScope scope = ops.Scope();
/// SamplerRun run = new(plan, ops, scope, noise);
/// while (!run.IsDone)
/// {
///     Tensor output;
///     using (TensorScope step = ops.Scope())
///         output = step.Keep(Predict(run.ModelInput(ops), run.Timestep));
///     run.Advance(ops, output, run.DrawsNoise ? Draw() : default);
/// }
/// </code>
/// <para>Each step hands back what it no longer needs, so memory does not grow with the number of steps, and makes no managed objects.</para>
/// </remarks>
public sealed class SamplerRun
{
    private readonly TensorScope _scope;
    private readonly Tensor[] _history; // stored derived quantities, latest first
    private readonly WeightedTensor[] _terms = new WeightedTensor[8];
    private int _termCount;
    private Tensor _base;

    /// <summary>Starts a run.</summary>
    /// <param name="plan">What to do.</param>
    /// <param name="ops">The operations.</param>
    /// <param name="scope">Owns the run's tensors; the innermost open scope.</param>
    /// <param name="noise">Noise of unit variance, e.g. [B, H, W, 4]; stays the caller's.</param>
    public SamplerRun(SamplerPlan plan, ITensorOps ops, TensorScope scope, Tensor noise)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(ops);
        Plan = plan;
        _scope = scope;
        _history = new Tensor[plan.HistoryDepth];
        Add(noise, plan.InitialSigma);
        Sample = Sum(ops);
    }

    /// <summary>The plan being carried out.</summary>
    public SamplerPlan Plan { get; }

    /// <summary>Number of steps done.</summary>
    public int StepIndex { get; private set; }

    /// <summary>True once all steps are done.</summary>
    public bool IsDone => StepIndex == Plan.Steps.Length;

    /// <summary>The sample; after the last step the result. The run's scope owns it, until the next <see cref="Advance"/>.</summary>
    public Tensor Sample { get; private set; }

    /// <summary>Time that the model is told at this step.</summary>
    public float Timestep => (float)Current.Timestep;

    /// <summary>This step takes one tensor from the sampler's noise stream.</summary>
    public bool DrawsNoise => Current.DrawsNoise;

    private SamplerStep Current => Plan.Steps[StepIndex];

    /// <summary>What the model sees at this step: the sample, scaled where the sampler wants it; the innermost open scope owns a scaled one.</summary>
    public Tensor ModelInput(ITensorOps ops)
    {
        ArgumentNullException.ThrowIfNull(ops);
        if (Current.InputFactor == 1)
            return Sample;
        Add(Sample, Current.InputFactor);
        return Sum(ops);
    }

    /// <summary>Takes one step. <paramref name="output"/> and <paramref name="noise"/> go over to the run, which hands their memory back
    /// if its scope owns it.</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="output">The model's output after guidance, of the sample's shape, in memory of its own.</param>
    /// <param name="noise">Noise of unit variance and the sample's shape, if the step draws noise.</param>
    /// <exception cref="ShapeException">The step needs noise and got none, or a shape differs.</exception>
    public void Advance(ITensorOps ops, Tensor output, Tensor noise = default)
    {
        ArgumentNullException.ThrowIfNull(ops);
        SamplerStep step = Current;
        if (step.NoiseFactor != 0 && noise.IsEmpty)
            throw new ShapeException($"Sampler step {StepIndex} of {Plan.Kind} adds noise and was given none.");

        Tensor derived = step.HasDerived ? Derive(ops, step, output) : default;
        Add(Sample, step.SampleFactor);
        Add(_base, step.BaseFactor);
        Add(output, step.OutputFactor);
        Add(derived, step.D0);
        for (int i = 0; i < _history.Length; i++)
            Add(_history[i], i switch { 0 => step.D1, 1 => step.D2, _ => step.D3 });
        Add(noise, step.NoiseFactor);
        Tensor next = Sum(ops);

        Tensor nextBase = step.ChangesBase ? ChangeBase(ops, step) : _base;
        Tensor forgotten = derived;
        if (step.StoresDerived && _history.Length > 0)
        {
            forgotten = _history[^1];
            Array.Copy(_history, 0, _history, 1, _history.Length - 1);
            _history[0] = derived;
        }

        (Tensor oldSample, Tensor oldBase) = (Sample, _base);
        (Sample, _base) = (next, nextBase);
        StepIndex++;
        // The output may itself be the derived quantity; all others are distinct.
        if (!IsSame(forgotten, output))
            Discard(forgotten);
        Discard(oldSample);
        Discard(oldBase);
        Discard(output);
        Discard(noise);
    }

    private Tensor Derive(ITensorOps ops, SamplerStep step, Tensor output)
    {
        bool clips = !double.IsInfinity(step.Clip);
        if (step is { DerivedFromSample: 0, DerivedFromOutput: 1 })
            return clips ? ops.Clamp(output, (float)-step.Clip, (float)step.Clip) : output;
        Add(Sample, step.DerivedFromSample);
        Add(output, step.DerivedFromOutput);
        Tensor derived = Sum(ops);
        return clips ? _scope.Swap(derived, ops.Clamp(derived, (float)-step.Clip, (float)step.Clip)) : derived;
    }

    private Tensor ChangeBase(ITensorOps ops, SamplerStep step)
    {
        if (step is { BaseFromSample: 1, BaseFromBase: 0 })
            return Sample;
        Add(Sample, step.BaseFromSample);
        Add(_base, step.BaseFromBase);
        return Sum(ops);
    }

    private void Add(Tensor tensor, double factor)
    {
        if (factor != 0)
            _terms[_termCount++] = new WeightedTensor(tensor, (float)factor);
    }

    private Tensor Sum(ITensorOps ops)
    {
        ReadOnlySpan<WeightedTensor> terms = _terms.AsSpan(0, _termCount);
        _termCount = 0;
        return ops.WeightedSum(terms);
    }

    private void Discard(Tensor tensor)
    {
        if (tensor.IsEmpty || IsSame(tensor, Sample) || IsSame(tensor, _base))
            return;
        foreach (Tensor stored in _history)
        {
            if (IsSame(tensor, stored))
                return;
        }

        _scope.Release(tensor);
    }

    private static bool IsSame(Tensor left, Tensor right) =>
        !left.IsEmpty && !right.IsEmpty && ReferenceEquals(left.Storage, right.Storage);
}
