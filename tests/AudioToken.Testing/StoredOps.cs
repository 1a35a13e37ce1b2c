using AudioToken.Backends.Cpu;
using AudioToken.Tensors;

namespace AudioToken.Testing;

/// <summary>The plain form of computing in a narrow storage type: fp32 arithmetic of the CPU, weights and each result rounded as they are stored. What it is
/// off from float64, or from a recording, is the measure for a half-precision backend.</summary>
/// <param name="inner">Does the arithmetic; stays the caller's.</param>
/// <param name="storage">F16 or BF16.</param>
/// <param name="sums">Whether weighted sums are stored too, as gradients' are; a sampler's stay fp32.</param>
public sealed unsafe class StoredOps(CpuOps inner, DType storage, bool sums = true) : DelegatingOps(inner), IGradientOps
{
    /// <inheritdoc/>
    public override Weight LoadWeight(WeightSource source, WeightRole role) => new RoundedOps(inner, storage).LoadWeight(source, role);

    /// <inheritdoc/>
    public Tensor LinearInputGradient(Tensor dy, Weight weight) => Stored(inner.LinearInputGradient(dy, weight));

    /// <inheritdoc/>
    public Tensor LinearWeightGradient(Tensor x, Tensor dy) => Stored(inner.LinearWeightGradient(x, dy));

    /// <inheritdoc/>
    public Tensor Conv2dInputGradient(Tensor dy, Weight weight, in ConvGeometry geometry, int height, int width) =>
        Stored(inner.Conv2dInputGradient(dy, weight, geometry, height, width));

    /// <inheritdoc/>
    public Tensor Conv2dWeightGradient(Tensor x, Tensor dy, Weight weight, in ConvGeometry geometry, Tensor skip = default) =>
        Stored(inner.Conv2dWeightGradient(x, dy, weight, geometry, skip));

    /// <inheritdoc/>
    public Tensor GroupedConv1dInputGradient(Tensor dy, Weight weight, int groups, int padding) =>
        Stored(inner.GroupedConv1dInputGradient(dy, weight, groups, padding));

    /// <inheritdoc/>
    public Tensor GroupedConv1dWeightGradient(Tensor x, Tensor dy, Weight weight, int groups, int padding) =>
        Stored(inner.GroupedConv1dWeightGradient(x, dy, weight, groups, padding));

    /// <inheritdoc/>
    public Tensor ColumnSums(Tensor x, int samples) => inner.ColumnSums(x, samples);

    /// <inheritdoc/>
    public NormGradients GroupNormGradients(
        Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Tensor dy, Activation activation = Activation.None, Tensor skip = default) =>
        Stored(inner.GroupNormGradients(x, gamma, beta, groups, epsilon, dy, activation, skip));

    /// <inheritdoc/>
    public NormGradients LayerNormGradients(Tensor x, Weight gamma, float epsilon, Tensor dy) => Stored(inner.LayerNormGradients(x, gamma, epsilon, dy));

    /// <inheritdoc/>
    public AttentionGradients AttentionGradients(Tensor q, Tensor k, Tensor v, in AttentionOptions options, Tensor dy)
    {
        AttentionGradients plain = inner.AttentionGradients(q, k, v, options, dy);
        return new(Stored(plain.Q), Stored(plain.K), Stored(plain.V), Stored(plain.Bias), Stored(plain.BiasGate));
    }

    /// <inheritdoc/>
    public Tensor ActivateGradient(Tensor x, Activation activation, Tensor dy) => Stored(inner.ActivateGradient(x, activation, dy));

    /// <inheritdoc/>
    public Tensor Gate(Tensor sums) => Stored(inner.Gate(sums));

    /// <inheritdoc/>
    public Tensor GateGradient(Tensor sums, Tensor dy) => Stored(inner.GateGradient(sums, dy));

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b) => Stored(inner.Multiply(a, b));

    /// <inheritdoc/>
    public Tensor Columns(Tensor x, int start, int count) => inner.Columns(x, start, count);

    /// <inheritdoc/>
    public EmbeddingGradients TokenEmbeddingGradients(Tensor ids, Tensor dy, Weight? tokens, Weight? positions, int placeholderId, Tensor placeholder) =>
        inner.TokenEmbeddingGradients(ids, dy, tokens, positions, placeholderId, placeholder);

    /// <inheritdoc/>
    public Tensor RelativePositionBiasGradient(Weight table, Tensor buckets, Tensor dy) => inner.RelativePositionBiasGradient(table, buckets, dy);

    /// <inheritdoc/>
    public (Tensor Projected, Tensor Scale) RelativePositionGateGradients(Tensor projected, Weight scale, Tensor dy)
    {
        (Tensor byProjected, Tensor byScale) = inner.RelativePositionGateGradients(projected, scale, dy);
        return (Stored(byProjected), byScale);
    }

    /// <inheritdoc/>
    public (Tensor X, Tensor Y) MeanCosineGradients(Tensor x, Tensor y, Tensor dy)
    {
        (Tensor byX, Tensor byY) = inner.MeanCosineGradients(x, y, dy);
        return (Stored(byX), Stored(byY));
    }

    /// <inheritdoc/>
    public (Tensor Values, Tensor Scores) AttentionPoolGradients(Tensor values, Tensor scores, Tensor dy)
    {
        (Tensor byValues, Tensor byScores) = inner.AttentionPoolGradients(values, scores, dy);
        return (Stored(byValues), Stored(byScores));
    }

    /// <inheritdoc/>
    public void Assign(Weight weight, ReadOnlySpan<float> values) => inner.Assign(weight, values);

    /// <inheritdoc/>
    protected override void Before(string operation)
    {
    }

    /// <inheritdoc/>
    protected override void After(string operation, Tensor result)
    {
        // Copies are as their source.
        if (operation is not (nameof(Clamp) or nameof(Concat) or nameof(RepeatBatch)) && (sums || operation != nameof(WeightedSum)))
            Stored(result);
    }

    private Tensor Stored(Tensor tensor)
    {
        if (!tensor.IsEmpty)
        {
            Span<float> values = new((float*)((CpuStorage)tensor.Storage).Pointer + tensor.Offset, checked((int)tensor.Shape.Count));
            RoundedOps.Round(values, storage);
        }

        return tensor;
    }

    private NormGradients Stored(NormGradients plain) => plain with { X = Stored(plain.X) };
}
