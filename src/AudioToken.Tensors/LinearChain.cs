namespace AudioToken.Tensors;

/// <summary>Two linear layers of which the second takes the sum of the first one's result and a residual: y = W2 (W1 x + b1 + r) + b2.</summary>
/// <remarks>With no activation between them they are one: y = (W2 W1) x + W2 r + (W2 b1 + b2).</remarks>
/// <param name="First">[M, K].</param>
/// <param name="Second">[N, M].</param>
public readonly record struct LinearChain(Projection First, Projection Second)
{
    /// <summary>One layer after the other, as <see cref="ITensorOps.LinearChain"/> with shapes that have been checked; the innermost open scope owns the result.</summary>
    public Tensor Apply(ITensorOps ops, Tensor x, Tensor residual, in Epilogue epilogue)
    {
        ArgumentNullException.ThrowIfNull(ops);
        using TensorScope scope = ops.Scope();
        Tensor hidden = ops.Linear(x, First.Weight, new Epilogue(First.Bias) { Residual = residual }); // [..., M]
        return scope.Keep(ops.Linear(hidden, Second.Weight, epilogue with { Bias = Second.Bias }));
    }
}
