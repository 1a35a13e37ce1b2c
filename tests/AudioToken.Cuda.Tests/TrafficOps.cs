using AudioToken.Tensors;

namespace AudioToken.Cuda.Tests;

/// <summary>Adds up the bytes of activations that operations read and write, each as often as its kernel goes over it.</summary>
/// <remarks>What blocks of one launch read again counts once: it comes from the second cache. The kernels' heads say how often they read.</remarks>
internal sealed class TrafficOps(ITensorOps inner) : DelegatingOps(inner), ITensorOps
{
    /// <summary>Bytes so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes so far of each operation.</summary>
    public SortedDictionary<string, long> Each { get; } = [];

    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Count(nameof(Linear), x, epilogue.ChannelShift, epilogue.Residual);
        return base.Linear(x, weight, epilogue);
    }

    public void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        Inner.Project(x, projections, results);
        Count(nameof(ITensorOps.Project), x);
        foreach (Tensor result in results[..projections.Length])
            Count(nameof(ITensorOps.Project), result);
    }

    public Tensor LinearChain(Tensor x, in LinearChain chain, Tensor residual, in Epilogue epilogue)
    {
        Tensor result = Inner.LinearChain(x, chain, residual, epilogue);
        Count(nameof(Linear), x, residual, epilogue.ChannelShift, epilogue.Residual, result);
        return result;
    }

    public override Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default)
    {
        Count(nameof(Conv2d), x, skip, epilogue.ChannelShift, epilogue.Residual);
        return base.Conv2d(x, weight, geometry, epilogue, skip);
    }

    public Tensor Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut)
    {
        Tensor result = Inner.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut);
        Count(nameof(Conv2d), x, epilogue.ChannelShift, shortcut.X, shortcut.Skip, result);
        return result;
    }

    public override Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        Count(nameof(GroupNorm), x, skip); // once: its products told the moments
        return base.GroupNorm(x, gamma, beta, groups, epsilon, activation, skip);
    }

    public override Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon)
    {
        Count(nameof(LayerNorm), x);
        return base.LayerNorm(x, gamma, beta, epsilon);
    }

    public override Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        Count(nameof(Attention), q, k, v);
        return base.Attention(q, k, v, options);
    }

    public override Tensor RepeatBatch(Tensor x, int times)
    {
        for (int i = 0; i < times; i++)
            Count(nameof(RepeatBatch), x);
        return base.RepeatBatch(x, times);
    }

    public override Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms)
    {
        foreach (WeightedTensor term in terms)
            Count(nameof(WeightedSum), term.Tensor);
        return base.WeightedSum(terms);
    }

    // An operation of which nobody said what it reads would count too little.
    protected override void Before(string operation)
    {
        if (operation is not (nameof(Linear) or nameof(Conv2d) or nameof(GroupNorm) or nameof(LayerNorm) or nameof(Attention) or nameof(RepeatBatch) or nameof(WeightedSum)))
            throw new NotSupportedException($"the traffic of {operation} is not known");
    }

    protected override void After(string operation, Tensor result) => Count(operation, result);

    private void Count(string operation, params ReadOnlySpan<Tensor> tensors)
    {
        foreach (Tensor tensor in tensors)
        {
            long bytes = tensor.IsEmpty ? 0 : tensor.Shape.Count * tensor.DType.Size();
            Bytes += bytes;
            Each[operation] = Each.GetValueOrDefault(operation) + bytes;
        }
    }
}
