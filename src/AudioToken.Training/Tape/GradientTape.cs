using AudioToken.Tensors;

namespace AudioToken.Training.Tape;

/// <summary>Records the operations of a forward pass and plays their gradients back: reverse-mode differentiation without a model knowing it.</summary>
/// <remarks>
/// <para>Only what leads from a trained weight or a watched tensor is recorded; a frozen weight costs its input's gradient and nothing else.
/// Fused epilogues are taken apart where an activation needs its argument again.</para>
/// <para>The models' own scopes say what may go. With checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"), a tensor that
/// lived and died within a block, that is in a scope deeper than the model's outermost, is dropped and computed again on the way back.</para>
/// <para>One tape is one step: make it, run models on it, call <see cref="Backward(ReadOnlySpan{ValueTuple{Tensor, Tensor}})"/> once, read the
/// gradients, dispose it. Not for concurrent use; scopes of the wrapped backend are not to be opened meanwhile.</para>
/// </remarks>
public sealed partial class GradientTape : DelegatingOps
{
    // Tensors of the model's outermost scope are the results of its blocks.
    private const int BlockDepth = 1;

    private readonly IGradientOps _ops;
    private readonly HashSet<Weight> _trainable;
    private readonly bool _checkpoints;
    private readonly TensorScope _step;
    private readonly ScopeStack _scopes; // what the models see; memory is _step's
    private readonly Dictionary<TensorStorage, TapeValue> _values = new(ReferenceEqualityComparer.Instance);
    private readonly List<TapeNode> _nodes = [];
    private readonly TapeSink _sink;
    private bool _played;

    /// <summary>Begins a step.</summary>
    /// <param name="ops">The backend; must outlive the tape.</param>
    /// <param name="trainable">Weights whose gradients are wanted.</param>
    /// <param name="checkpoints">Keep the results of blocks only.</param>
    public GradientTape(IGradientOps ops, IEnumerable<Weight> trainable, bool checkpoints = false)
        : base(ops)
    {
        ArgumentNullException.ThrowIfNull(trainable);
        _ops = ops;
        _trainable = [.. trainable];
        _checkpoints = checkpoints;
        _scopes = new ScopeStack(Release);
        _step = ops.Scope();
        _sink = new TapeSink(ops, _trainable);
    }

    /// <summary>Factor of all gradients, of those that are read too: what <see cref="Optimisation.LossScale"/> says in half precision.</summary>
    public double LossScale { get; init; } = 1;

    /// <summary>Operations recorded so far.</summary>
    public int Recorded => _nodes.Count;

    /// <inheritdoc/>
    public override TensorScope Scope() => _scopes.Open();

    /// <inheritdoc/>
    public override Tensor Upload(ReadOnlySpan<float> values, Shape shape) => Made(_ops.Upload(values, shape));

    /// <inheritdoc/>
    public override Tensor Upload(ReadOnlySpan<int> values, Shape shape) => Made(_ops.Upload(values, shape));

    /// <summary>Asks for the gradient of a tensor; call it before the tensor is used.</summary>
    public void Watch(Tensor tensor)
    {
        if (!_values.TryGetValue(tensor.Storage, out TapeValue? value))
            _values.Add(tensor.Storage, value = new TapeValue(tensor));
        value.NeedsGradient = value.IsWatched = true;
    }

    /// <summary>The gradient of a watched tensor, or of a value that is still on the tape; zero if none reached it.</summary>
    public Tensor Gradient(Tensor tensor)
    {
        TapeValue value = _values[tensor.Storage];
        return value.Gradient.IsEmpty ? _ops.Upload(new float[value.Tensor.Shape.Count], value.Tensor.Shape) : value.Gradient;
    }

    /// <summary>The gradient of a weight, in the order of its file; no tensor if none reached it.</summary>
    public Tensor Gradient(Weight weight) => _sink.Weights.TryGetValue(weight, out Tensor gradient) ? gradient : default;

    /// <summary>Plays the gradient of one result back.</summary>
    public void Backward(Tensor result, Tensor gradient) => Backward([(result, gradient)]);

    /// <summary>Plays gradients back, once.</summary>
    /// <param name="seeds">Results of the forward pass and the loss's gradients by them.</param>
    /// <exception cref="InvalidOperationException">Called twice, or a result does not depend on anything trained or watched.</exception>
    public void Backward(params ReadOnlySpan<(Tensor Result, Tensor Gradient)> seeds)
    {
        if (_played)
            throw new InvalidOperationException("A tape plays back once; make one for each step.");
        _played = true;
        foreach ((Tensor result, Tensor gradient) in seeds)
        {
            if (!_values.TryGetValue(result.Storage, out TapeValue? value) || !value.NeedsGradient)
                throw new InvalidOperationException($"The result {result} depends on no trained weight and no watched tensor.");
            Tensor seed = gradient.Reshape(value.Tensor.Shape);
            WeightedTensor scaled = new(seed, (float)LossScale);
            value.Gradient = value.Gradient.IsEmpty ? _ops.WeightedSum([scaled]) : _ops.WeightedSum([new(value.Gradient, 1), scaled]);
        }

        for (int i = _nodes.Count - 1; i >= 0; i--)
        {
            TapeNode node = _nodes[i];
            if (!node.Result.Gradient.IsEmpty)
                Play(node);
            Forget(node.Result);
        }
    }

    /// <summary>Ends the step and hands its memory back.</summary>
    public override void Dispose()
    {
        _step.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override void Before(string operation)
    {
    }

    /// <inheritdoc/>
    protected override void After(string operation, Tensor result) => Made(result);

    private void Play(TapeNode node)
    {
        Tensor[] operands = new Tensor[node.Operands.Length];
        for (int i = 0; i < operands.Length; i++)
        {
            if ((node.Needed >> i & 1) == 0)
                continue;
            Restore(node.Operands[i].Value);
            operands[i] = node.Operands[i].Resolve();
        }

        using TensorScope scope = _ops.Scope();
        _sink.Begin(node, scope);
        node.Backward(operands, node.Result.Gradient, _sink);
    }

    // Computes a dropped value again, and whatever that needs.
    private void Restore(TapeValue? value)
    {
        if (value is null || value.IsPresent)
            return;
        TapeNode node = value.Producer!;
        Tensor[] operands = new Tensor[node.Operands.Length];
        for (int i = 0; i < operands.Length; i++)
        {
            Restore(node.Operands[i].Value);
            operands[i] = node.Operands[i].Resolve();
        }

        value.Tensor = node.Forward(operands);
        value.IsPresent = true;
        _values[value.Tensor.Storage] = value;
    }

    // Everything that read the value has been played.
    private void Forget(TapeValue value)
    {
        if (value.IsWatched)
            return;
        if (!value.IsPassed)
            _step.Release(value.Gradient);
        value.Gradient = default;
        if (value.IsReleased && value.IsPresent)
            Drop(value);
    }

    // The model lets go of a tensor; what the way back needs stays.
    private void Release(TensorStorage storage)
    {
        if (!_values.TryGetValue(storage, out TapeValue? value) || !value.IsOwned)
            return;
        value.IsReleased = true;
        if (value.IsWatched)
            return;
        bool stays = !_checkpoints ? value.IsNeeded
            : value.Producer is null ? value.IsUsed
            : value.IsUsed && _scopes.Depth <= BlockDepth;
        if (!stays)
            Drop(value);
    }

    private void Drop(TapeValue value)
    {
        _values.Remove(value.Tensor.Storage);
        value.IsPresent = false;
        _step.Release(value.Tensor);
    }

    // A result that needs no gradient, registered so that scopes of the model can hand it back.
    private Tensor Made(Tensor result)
    {
        _values[result.Storage] = new TapeValue(result) { IsOwned = true };
        _scopes.Add(result.Storage);
        return result;
    }

    // Runs an operation, and records it if a gradient can flow through it to an operand or to one of the weights that it reads.
    private Tensor Record(ReadOnlySpan<Tensor> operands, int needed, ReadOnlySpan<Weight?> weights, TapeForward forward, TapeBackward backward)
    {
        TapeOperand[] known = new TapeOperand[operands.Length];
        bool flows = false;
        for (int i = 0; i < operands.Length; i++)
        {
            TapeValue? value = operands[i].IsEmpty ? null : _values.GetValueOrDefault(operands[i].Storage);
            known[i] = new TapeOperand(value, operands[i]);
            flows |= known[i].NeedsGradient;
        }

        foreach (Weight? weight in weights)
            flows |= _sink.Wants(weight);
        Tensor result = Made(forward(operands));
        if (!flows)
            return result;

        TapeValue made = _values[result.Storage];
        TapeNode node = new(known, needed, forward, backward, made);
        made.Producer = node;
        made.NeedsGradient = true;
        _nodes.Add(node);
        for (int i = 0; i < known.Length; i++)
        {
            if (known[i].Value is not { } value)
                continue;
            value.IsUsed = true;
            value.IsNeeded |= (needed >> i & 1) != 0;
        }

        return result;
    }

    private bool Flows(params ReadOnlySpan<Tensor> operands)
    {
        foreach (Tensor operand in operands)
        {
            if (!operand.IsEmpty && _values.TryGetValue(operand.Storage, out TapeValue? value) && value.NeedsGradient)
                return true;
        }

        return false;
    }
}
