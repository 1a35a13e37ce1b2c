namespace AudioToken.Tensors;

/// <summary>A backend that computes nothing: it checks shapes, hands memory out in name only, and counts it.</summary>
/// <remarks>A model of any size runs in it at once, which shows whether its shapes fit, what it holds at its peak, whether it gives
/// everything back, and what it allocates itself. Storages and results are used again, so the backend allocates nothing once warm.</remarks>
public sealed class ShapeOps : ITensorOps
{
    private readonly Stack<Block> _free = [];
    private readonly ScopeStack _scopes;

    /// <summary>Starts with nothing out.</summary>
    public ShapeOps() => _scopes = new ScopeStack(storage => Free((Block)storage));

    /// <inheritdoc/>
    public string Device => "shapes";

    /// <summary>Elements handed out and not yet back.</summary>
    public long LiveElements { get; private set; }

    /// <summary>The largest number of elements that were out at once.</summary>
    public long PeakElements { get; private set; }

    /// <summary>Storages handed out and not yet back.</summary>
    public int LiveCount => _scopes.LiveCount;

    /// <summary>Operations asked for so far.</summary>
    public int Operations { get; private set; }

    /// <summary>Starts a new peak at what is out now.</summary>
    public void ResetPeak() => PeakElements = LiveElements;

    /// <inheritdoc/>
    public TensorScope Scope() => _scopes.Open();

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<float> values, Shape shape) => New(shape);

    /// <inheritdoc/>
    public Tensor Upload(ReadOnlySpan<int> values, Shape shape) => New(shape, DType.I32);

    /// <inheritdoc/>
    public Tensor LogMel(ReadOnlySpan<float> samples, LogMelForm form)
    {
        ArgumentNullException.ThrowIfNull(form);
        return New(ResultShape.LogMel(samples.Length, form));
    }

    /// <summary>A tensor of no particular values.</summary>
    public Tensor New(Shape shape, DType dtype = DType.F32)
    {
        Block block = _free.Count > 0 ? _free.Pop() : new Block();
        block.Count = shape.Count;
        LiveElements += block.Count;
        PeakElements = Math.Max(PeakElements, LiveElements);
        Operations++;
        _scopes.Add(block);
        return new Tensor(block, shape, dtype);
    }

    /// <inheritdoc/>
    public void Download(Tensor tensor, Span<float> destination) => destination.Clear();

    /// <inheritdoc/>
    public Weight LoadWeight(WeightSource source, WeightRole role) => new Named(source.Name, source.Shape, role);

    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue) => New(ResultShape.Linear(x, weight, epilogue));

    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default) =>
        New(ResultShape.Conv2d(x, weight, geometry, epilogue, skip));

    /// <inheritdoc/>
    public Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue) =>
        New(ResultShape.GroupedConv1d(x, weight, groups, padding, epilogue));

    /// <inheritdoc/>
    public Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default) =>
        New(ResultShape.GroupNorm(x, gamma, beta, groups, activation, skip));

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon) => New(ResultShape.LayerNorm(x, gamma, beta));

    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options) => New(ResultShape.Attention(q, k, v, options));

    /// <inheritdoc/>
    public Tensor Activate(Tensor x, Activation activation) => New(ResultShape.Activate(x, activation));

    /// <inheritdoc/>
    public Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms) => New(ResultShape.WeightedSum(terms));

    /// <inheritdoc/>
    public void Assign(Tensor target, Tensor value) => ResultShape.Assign(target, value);

    /// <inheritdoc/>
    public Tensor Clamp(Tensor x, float low, float high) => New(ResultShape.Clamp(x, low, high));

    /// <inheritdoc/>
    public Tensor Concat(ReadOnlySpan<Tensor> parts) => New(ResultShape.Concat(parts));

    /// <inheritdoc/>
    public Tensor RepeatBatch(Tensor x, int times) => New(ResultShape.RepeatBatch(x, times));

    /// <inheritdoc/>
    public Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift) =>
        New(ResultShape.TimestepEmbedding(timesteps, width, frequencyShift));

    /// <inheritdoc/>
    public Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder) =>
        New(ResultShape.TokenEmbedding(ids, tokens, positions, placeholder));

    /// <inheritdoc/>
    public Tensor RelativePositionBias(Weight table, Tensor buckets) => New(ResultShape.RelativePositionBias(table, buckets));

    /// <inheritdoc/>
    public Tensor RelativePositionGate(Tensor projected, Weight scale) => New(ResultShape.RelativePositionGate(projected, scale));

    /// <inheritdoc/>
    public Tensor MeanCosine(Tensor x, Tensor y) => New(ResultShape.MeanCosine(x, y));

    /// <inheritdoc/>
    public Tensor AttentionPool(Tensor values, Tensor scores) => New(ResultShape.AttentionPool(values, scores));

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private void Free(Block block)
    {
        LiveElements -= block.Count;
        block.End();
        _free.Push(block);
    }

    private sealed class Block : TensorStorage
    {
        public override string Device => "shapes";

        public long Count { get; set; }

        public void End() => Retire();
    }

    private sealed class Named(string name, Shape shape, WeightRole role) : Weight(name, shape, role)
    {
        protected override void Dispose(bool disposing)
        {
        }
    }
}
