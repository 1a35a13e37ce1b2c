namespace AudioToken.Tensors;

/// <summary>Passes every operation on to another backend; decorators override <see cref="Before"/> or single operations.</summary>
/// <remarks>Does not own the inner operations: disposing the decorator leaves them open.</remarks>
public abstract class DelegatingOps : ITensorOps
{
    /// <summary>Wraps the operations of a backend.</summary>
    protected DelegatingOps(ITensorOps inner)
    {
        ArgumentNullException.ThrowIfNull(inner);
        Inner = inner;
    }

    /// <inheritdoc/>
    public string Device => Inner.Device;

    /// <inheritdoc/>
    public bool IsAsynchronous => Inner.IsAsynchronous;

    /// <summary>The wrapped operations.</summary>
    protected ITensorOps Inner { get; }

    /// <summary>Called before each computing operation, with its name.</summary>
    protected abstract void Before(string operation);

    /// <summary>Called after each computing operation that returned.</summary>
    /// <param name="operation">Its name.</param>
    /// <param name="result">What it returned; empty where that is not one tensor.</param>
    protected virtual void After(string operation, Tensor result)
    {
    }

    /// <inheritdoc/>
    public virtual TensorScope Scope() => Inner.Scope();

    /// <inheritdoc/>
    public virtual Tensor Upload(ReadOnlySpan<float> values, Shape shape) => Inner.Upload(values, shape);

    /// <inheritdoc/>
    public virtual Tensor Upload(ReadOnlySpan<int> values, Shape shape) => Inner.Upload(values, shape);

    /// <inheritdoc/>
    public void Download(Tensor tensor, Span<float> destination) => Inner.Download(tensor, destination);

    /// <inheritdoc/>
    public void Trim() => Inner.Trim();

    /// <inheritdoc/>
    public IDisposable? Widen() => Inner.Widen();

    /// <inheritdoc/>
    public virtual Weight LoadWeight(WeightSource source, WeightRole role) => Inner.LoadWeight(source, role);

    /// <inheritdoc/>
    public virtual Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Before(nameof(Linear));
        return Done(nameof(Linear), Inner.Linear(x, weight, epilogue));
    }

    /// <inheritdoc/>
    public virtual Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        Before(nameof(Conv2d));
        return Done(nameof(Conv2d), Inner.Conv2d(x, weight, geometry, epilogue, skip));
    }

    /// <inheritdoc/>
    public virtual Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue)
    {
        Before(nameof(GroupedConv1d));
        return Done(nameof(GroupedConv1d), Inner.GroupedConv1d(x, weight, groups, padding, epilogue));
    }

    /// <inheritdoc/>
    public virtual Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        Before(nameof(GroupNorm));
        return Done(nameof(GroupNorm), Inner.GroupNorm(x, gamma, beta, groups, epsilon, activation, skip));
    }

    /// <inheritdoc/>
    public virtual Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon)
    {
        Before(nameof(LayerNorm));
        return Done(nameof(LayerNorm), Inner.LayerNorm(x, gamma, beta, epsilon));
    }

    /// <inheritdoc/>
    public virtual Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        Before(nameof(Attention));
        return Done(nameof(Attention), Inner.Attention(q, k, v, options));
    }

    /// <inheritdoc/>
    public virtual Tensor Activate(Tensor x, Activation activation)
    {
        Before(nameof(Activate));
        return Done(nameof(Activate), Inner.Activate(x, activation));
    }

    /// <inheritdoc/>
    public virtual Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms)
    {
        Before(nameof(WeightedSum));
        return Done(nameof(WeightedSum), Inner.WeightedSum(terms));
    }

    /// <inheritdoc/>
    public virtual Tensor Clamp(Tensor x, float low, float high)
    {
        Before(nameof(Clamp));
        return Done(nameof(Clamp), Inner.Clamp(x, low, high));
    }

    /// <inheritdoc/>
    public virtual Tensor Concat(ReadOnlySpan<Tensor> parts)
    {
        Before(nameof(Concat));
        return Done(nameof(Concat), Inner.Concat(parts));
    }

    /// <inheritdoc/>
    public virtual Tensor RepeatBatch(Tensor x, int times)
    {
        Before(nameof(RepeatBatch));
        return Done(nameof(RepeatBatch), Inner.RepeatBatch(x, times));
    }

    /// <inheritdoc/>
    public virtual Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift)
    {
        Before(nameof(TimestepEmbedding));
        return Done(nameof(TimestepEmbedding), Inner.TimestepEmbedding(timesteps, width, cosineFirst, frequencyShift));
    }

    /// <inheritdoc/>
    public virtual Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder)
    {
        Before(nameof(TokenEmbedding));
        return Done(nameof(TokenEmbedding), Inner.TokenEmbedding(ids, tokens, positions, placeholderId, placeholder));
    }

    /// <inheritdoc/>
    public virtual Tensor RelativePositionBias(Weight table, Tensor buckets)
    {
        Before(nameof(RelativePositionBias));
        return Done(nameof(RelativePositionBias), Inner.RelativePositionBias(table, buckets));
    }

    /// <inheritdoc/>
    public virtual Tensor RelativePositionGate(Tensor projected, Weight scale)
    {
        Before(nameof(RelativePositionGate));
        return Done(nameof(RelativePositionGate), Inner.RelativePositionGate(projected, scale));
    }

    /// <inheritdoc/>
    public virtual Tensor MeanCosine(Tensor x, Tensor y)
    {
        Before(nameof(MeanCosine));
        return Done(nameof(MeanCosine), Inner.MeanCosine(x, y));
    }

    /// <inheritdoc/>
    public virtual Tensor AttentionPool(Tensor values, Tensor scores)
    {
        Before(nameof(AttentionPool));
        return Done(nameof(AttentionPool), Inner.AttentionPool(values, scores));
    }

    /// <inheritdoc/>
    public void Assign(Tensor target, Tensor value)
    {
        Before(nameof(Assign));
        Inner.Assign(target, value);
    }

    /// <inheritdoc/>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    private Tensor Done(string operation, Tensor result)
    {
        After(operation, result);
        return result;
    }
}

/// <summary>Stops at the next operation once cancellation is asked for, so that a long forward pass ends within one operation.</summary>
public sealed class CancellableOps : TransparentOps
{
    private readonly CancellationToken _cancellation;

    /// <summary>Wraps the operations of a backend.</summary>
    public CancellableOps(ITensorOps inner, CancellationToken cancellation)
        : base(inner) => _cancellation = cancellation;

    /// <inheritdoc/>
    public override RepeatedStep Repeat(StepFunction step) => new CancellableStep(this, Inner.Repeat(step));

    /// <inheritdoc/>
    protected override void Before(string operation) => _cancellation.ThrowIfCancellationRequested();

    // A recorded step asks for no operations any more.
    private sealed class CancellableStep(CancellableOps ops, RepeatedStep inner) : RepeatedStep
    {
        public override void Run()
        {
            ops.Before(nameof(ITensorOps.Repeat));
            inner.Run();
        }

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
