using AudioToken.Tensors;

namespace AudioToken.Training.Adapters;

/// <summary>A low-rank change of one weight: y = x W^T + scale (x down^T) up^T. Hu et al. 2021.</summary>
/// <param name="Down">[rank, in].</param>
/// <param name="Up">[out, rank].</param>
public readonly record struct LowRankPair(Weight Down, Weight Up);

/// <summary>Adds low-rank changes to the products of a model that knows nothing of them.</summary>
public sealed class LowRankOps : DelegatingOps
{
    private readonly IReadOnlyDictionary<string, LowRankPair> _pairs;
    private readonly float _scale;

    /// <summary>Wraps operations, usually a tape.</summary>
    /// <param name="inner">The operations.</param>
    /// <param name="pairs">Changes by the name of the weight they change.</param>
    /// <param name="scale">Strength.</param>
    public LowRankOps(ITensorOps inner, IReadOnlyDictionary<string, LowRankPair> pairs, float scale = 1)
        : base(inner)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        _pairs = pairs;
        _scale = scale;
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">A changed product has an activation; attention's projections have none.</exception>
    public override Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        ArgumentNullException.ThrowIfNull(weight);
        if (!_pairs.TryGetValue(weight.Name, out LowRankPair pair))
            return Inner.Linear(x, weight, epilogue);
        if (epilogue.Activation != Activation.None)
            throw new NotSupportedException($"{weight.Name}: a low-rank change goes with products that have no activation.");
        using TensorScope scope = Inner.Scope();
        Tensor y = Inner.Linear(x, weight, epilogue with { NormFollows = false });
        Tensor low = Inner.Linear(x, pair.Down, default); // [..., rank]
        return scope.Keep(Inner.Linear(low, pair.Up, new Epilogue { Scale = _scale * epilogue.EffectiveScale, Residual = y, NormFollows = epilogue.NormFollows }));
    }

    /// <inheritdoc/>
    protected override void Before(string operation)
    {
    }
}
