using AudioToken.Bench;
using AudioToken.Tensors;

namespace AudioToken.Benchmarks;

/// <summary>Adds up calls, wall time and FLOPs of the way back too. FLOPs are those of the plain formula: zeros between strided gradients, and scores
/// that an attention computes a second time for its own sake, are not work.</summary>
internal sealed class TrainingProfile(IGradientOps inner) : StageProfile(inner), IGradientOps
{
    public Tensor LinearInputGradient(Tensor dy, Weight weight) =>
        Timed(nameof(LinearInputGradient), () => inner.LinearInputGradient(dy, weight), 2.0 * dy.Shape.Count * weight.Shape[1]);

    public Tensor LinearWeightGradient(Tensor x, Tensor dy) =>
        Timed(nameof(LinearWeightGradient), () => inner.LinearWeightGradient(x, dy), 2.0 * x.Shape.Count * dy.Shape[^1]);

    public Tensor Conv2dInputGradient(Tensor dy, Weight weight, in ConvGeometry geometry, int height, int width)
    {
        ConvGeometry windows = geometry;
        return Timed(nameof(Conv2dInputGradient), () => inner.Conv2dInputGradient(dy, weight, windows, height, width), Windows(dy, weight));
    }

    public Tensor Conv2dWeightGradient(Tensor x, Tensor dy, Weight weight, in ConvGeometry geometry, Tensor skip = default)
    {
        ConvGeometry windows = geometry;
        return Timed(nameof(Conv2dWeightGradient), () => inner.Conv2dWeightGradient(x, dy, weight, windows, skip), Windows(dy, weight));
    }

    public Tensor GroupedConv1dInputGradient(Tensor dy, Weight weight, int groups, int padding) =>
        Timed(nameof(GroupedConv1dInputGradient), () => inner.GroupedConv1dInputGradient(dy, weight, groups, padding), Windows(dy, weight));

    public Tensor GroupedConv1dWeightGradient(Tensor x, Tensor dy, Weight weight, int groups, int padding) =>
        Timed(nameof(GroupedConv1dWeightGradient), () => inner.GroupedConv1dWeightGradient(x, dy, weight, groups, padding), Windows(dy, weight));

    public AttentionGradients AttentionGradients(Tensor q, Tensor k, Tensor v, in AttentionOptions options, Tensor dy)
    {
        AttentionOptions given = options;
        return Timed(nameof(AttentionGradients), () => inner.AttentionGradients(q, k, v, given, dy), 8.0 * q.Shape.Count * k.Shape[1]);
    }

    public Tensor ColumnSums(Tensor x, int samples) => Timed(nameof(ColumnSums), () => inner.ColumnSums(x, samples));

    public NormGradients GroupNormGradients(
        Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Tensor dy, Activation activation = Activation.None, Tensor skip = default) =>
        Timed(nameof(GroupNormGradients), () => inner.GroupNormGradients(x, gamma, beta, groups, epsilon, dy, activation, skip));

    public NormGradients LayerNormGradients(Tensor x, Weight gamma, float epsilon, Tensor dy) =>
        Timed(nameof(LayerNormGradients), () => inner.LayerNormGradients(x, gamma, epsilon, dy));

    public Tensor ActivateGradient(Tensor x, Activation activation, Tensor dy) => Timed(nameof(ActivateGradient), () => inner.ActivateGradient(x, activation, dy));

    public Tensor Gate(Tensor sums) => Timed(nameof(Gate), () => inner.Gate(sums));

    public Tensor GateGradient(Tensor sums, Tensor dy) => Timed(nameof(GateGradient), () => inner.GateGradient(sums, dy));

    public Tensor Multiply(Tensor a, Tensor b) => Timed(nameof(Multiply), () => inner.Multiply(a, b));

    public Tensor Columns(Tensor x, int start, int count) => Timed(nameof(Columns), () => inner.Columns(x, start, count));

    public EmbeddingGradients TokenEmbeddingGradients(Tensor ids, Tensor dy, Weight? tokens, Weight? positions, int placeholderId, Tensor placeholder) =>
        Timed(nameof(TokenEmbeddingGradients), () => inner.TokenEmbeddingGradients(ids, dy, tokens, positions, placeholderId, placeholder));

    public Tensor RelativePositionBiasGradient(Weight table, Tensor buckets, Tensor dy) =>
        Timed(nameof(RelativePositionBiasGradient), () => inner.RelativePositionBiasGradient(table, buckets, dy));

    public (Tensor Projected, Tensor Scale) RelativePositionGateGradients(Tensor projected, Weight scale, Tensor dy) =>
        Timed(nameof(RelativePositionGateGradients), () => inner.RelativePositionGateGradients(projected, scale, dy));

    public (Tensor X, Tensor Y) MeanCosineGradients(Tensor x, Tensor y, Tensor dy) => Timed(nameof(MeanCosineGradients), () => inner.MeanCosineGradients(x, y, dy));

    public (Tensor Values, Tensor Scores) AttentionPoolGradients(Tensor values, Tensor scores, Tensor dy) =>
        Timed(nameof(AttentionPoolGradients), () => inner.AttentionPoolGradients(values, scores, dy));

    public void Assign(Weight weight, ReadOnlySpan<float> values)
    {
        Before(nameof(Assign));
        inner.Assign(weight, values);
        After(nameof(Assign), default);
    }

    // Both gradients of a convolution have the products of its forward pass.
    private static double Windows(Tensor dy, Weight weight) => 2.0 * dy.Shape.Count * (weight.Shape.Count / weight.Shape[0]);

    private TResult Timed<TResult>(string operation, Func<TResult> run, double flops = 0)
    {
        Before(operation);
        TResult result = run();
        After(operation, default);
        Count(operation, flops);
        return result;
    }
}
