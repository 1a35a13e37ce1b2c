using AudioToken.Tensors;

namespace AudioToken.Training.Tape;

/// <summary>Where the gradient of one operation goes; sums up what several readers of a value send back.</summary>
internal sealed class TapeSink(ITensorOps ops, ISet<Weight> trainable)
{
    private readonly Dictionary<Weight, Tensor> _weights = [];
    private TapeNode? _node;
    private TensorScope _scope;

    /// <summary>Gradients of weights so far.</summary>
    public IReadOnlyDictionary<Weight, Tensor> Weights => _weights;

    /// <summary>Begins with an operation; what it adds is kept from the scope.</summary>
    public void Begin(TapeNode node, TensorScope scope) => (_node, _scope) = (node, scope);

    /// <summary>Adds the gradient of the operation's result, unchanged, to that of an operand: handed over where nobody else needs it.</summary>
    public void Pass(int index)
    {
        TapeOperand operand = _node!.Operands[index];
        TapeValue result = _node.Result;
        if (!operand.NeedsGradient)
            return;
        TapeValue value = operand.Value!;
        if (operand.View.Shape.Count != value.Tensor.Shape.Count || (value.Gradient.IsEmpty && (result.IsWatched || result.IsPassed)))
        {
            Add(index, ops.WeightedSum([new(result.Gradient, 1)]));
        }
        else if (value.Gradient.IsEmpty)
        {
            value.Gradient = result.Gradient.Reshape(value.Tensor.Shape);
            result.IsPassed = true;
        }
        else
        {
            value.Gradient = _scope.Keep(Sum(value.Gradient, result.Gradient.Reshape(value.Tensor.Shape)));
        }
    }

    /// <summary>Whether operand <paramref name="index"/> wants a gradient.</summary>
    public bool Wants(int index) => _node!.Operands[index].NeedsGradient;

    /// <summary>Whether a weight is trained.</summary>
    public bool Wants(Weight? weight) => weight is not null && trainable.Contains(weight);

    /// <summary>Adds to the gradient of an operand.</summary>
    public void Add(int index, Tensor gradient)
    {
        TapeOperand operand = _node!.Operands[index];
        if (!operand.NeedsGradient)
            return;
        TapeValue value = operand.Value!;
        Tensor whole = Widen(gradient, operand.View, value.Tensor.Shape);
        value.Gradient = _scope.Keep(Sum(value.Gradient, whole));
    }

    /// <summary>Adds to the gradient of a weight, if that is trained.</summary>
    public void Add(Weight? weight, Tensor gradient)
    {
        if (!Wants(weight))
            return;
        _weights.TryGetValue(weight!, out Tensor sum);
        _weights[weight!] = _scope.Keep(Sum(sum, gradient.Reshape(weight!.Shape)));
    }

    private Tensor Sum(Tensor sum, Tensor added) => sum.IsEmpty ? added : ops.WeightedSum([new(sum, 1), new(added, 1)]);

    // The gradient of a part is one of the whole, zero elsewhere.
    private Tensor Widen(Tensor gradient, Tensor view, Shape whole)
    {
        int count = checked((int)view.Shape.Count), before = checked((int)view.Offset), after = checked((int)(whole.Count - before - count));
        if (before == 0 && after == 0)
            return gradient.Reshape(whole);
        Tensor Zeros(int length) => ops.Upload(new float[length], [1, length]);
        return ops.Concat([Zeros(before), gradient.Reshape([1, count]), Zeros(after)]).Reshape(whole);
    }
}
