namespace AudioToken.Tensors;

/// <summary>A backend that also knows the gradients of its operations: what reverse-mode differentiation needs beside the forward pass.</summary>
/// <remarks>
/// <para>With L the scalar that is differentiated, <c>dy</c> is dL/dy of an operation's result and each method returns dL/d(operand). Rules of
/// <see cref="ITensorOps"/> hold: functional, channels last, the innermost scope owns the results. Gradients of weights have the shape and
/// order of the weight in its file, so that an optimiser needs to know no backend's layout.</para>
/// <para>Epilogues are not seen here: who differentiates takes them apart (<see cref="ITensorOps.Activate"/>, <see cref="Gate"/>, sums).</para>
/// </remarks>
public interface IGradientOps : ITensorOps
{
    /// <summary>Gradient of <see cref="ITensorOps.Linear"/> by its input: dy W.</summary>
    /// <param name="dy">[..., N].</param>
    /// <param name="weight">Role Linear, [N, K].</param>
    /// <returns>[..., K].</returns>
    Tensor LinearInputGradient(Tensor dy, Weight weight);

    /// <summary>Gradient of <see cref="ITensorOps.Linear"/> by its weight: dy^T x over all rows.</summary>
    /// <param name="x">[..., K].</param>
    /// <param name="dy">[..., N], as many rows.</param>
    /// <returns>[N, K].</returns>
    Tensor LinearWeightGradient(Tensor x, Tensor dy);

    /// <summary>Gradient of <see cref="ITensorOps.Conv2d"/> by its input, both sources side by side.</summary>
    /// <param name="dy">[B, H', W', N].</param>
    /// <param name="weight">Role Conv2d, [N, C + Cskip, kh, kw].</param>
    /// <param name="geometry">Of the forward pass.</param>
    /// <param name="height">H of the input, before any enlargement.</param>
    /// <param name="width">W of the input, before any enlargement.</param>
    /// <returns>[B, H, W, C + Cskip].</returns>
    Tensor Conv2dInputGradient(Tensor dy, Weight weight, in ConvGeometry geometry, int height, int width);

    /// <summary>Gradient of <see cref="ITensorOps.Conv2d"/> by its weight.</summary>
    /// <param name="x">[B, H, W, C].</param>
    /// <param name="dy">[B, H', W', N].</param>
    /// <param name="weight">The weight, for its shape [N, C + Cskip, kh, kw].</param>
    /// <param name="geometry">Of the forward pass.</param>
    /// <param name="skip">[B, H, W, Cskip], or absent.</param>
    /// <returns>[N, C + Cskip, kh, kw].</returns>
    Tensor Conv2dWeightGradient(Tensor x, Tensor dy, Weight weight, in ConvGeometry geometry, Tensor skip = default);

    /// <summary>Gradient of <see cref="ITensorOps.GroupedConv1d"/> by its input.</summary>
    /// <returns>[B, L, C].</returns>
    Tensor GroupedConv1dInputGradient(Tensor dy, Weight weight, int groups, int padding);

    /// <summary>Gradient of <see cref="ITensorOps.GroupedConv1d"/> by its weight.</summary>
    /// <returns>[C, C / groups, K].</returns>
    Tensor GroupedConv1dWeightGradient(Tensor x, Tensor dy, Weight weight, int groups, int padding);

    /// <summary>Sums of each column over the rows of a sample: gradients of biases (one sample) and of channel shifts.</summary>
    /// <param name="x">[..., C].</param>
    /// <param name="samples">Divides the rows.</param>
    /// <returns>[samples, C].</returns>
    Tensor ColumnSums(Tensor x, int samples);

    /// <summary>Gradients of <see cref="ITensorOps.GroupNorm"/> with its activation.</summary>
    /// <returns>By the input, both sources side by side [B, ..., C + Cskip], by gamma and by beta.</returns>
    NormGradients GroupNormGradients(
        Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Tensor dy, Activation activation = Activation.None, Tensor skip = default);

    /// <summary>Gradients of <see cref="ITensorOps.LayerNorm"/>.</summary>
    NormGradients LayerNormGradients(Tensor x, Weight gamma, float epsilon, Tensor dy);

    /// <summary>Gradients of <see cref="ITensorOps.Attention"/>; scores are computed again, a block of queries at a time.</summary>
    /// <returns>By q, k, v; by the bias and its gate where <paramref name="options"/> have them.</returns>
    AttentionGradients AttentionGradients(Tensor q, Tensor k, Tensor v, in AttentionOptions options, Tensor dy);

    /// <summary>Gradient of <see cref="ITensorOps.Activate"/>: dy f'(x).</summary>
    Tensor ActivateGradient(Tensor x, Activation activation, Tensor dy);

    /// <summary>What <see cref="Activation.Geglu"/> does to its sums: first half of the columns times the GELU of the second half.</summary>
    /// <param name="sums">[..., 2 N].</param>
    /// <returns>[..., N].</returns>
    Tensor Gate(Tensor sums);

    /// <summary>Gradient of <see cref="Gate"/>.</summary>
    /// <param name="sums">[..., 2 N].</param>
    /// <param name="dy">[..., N].</param>
    /// <returns>[..., 2 N].</returns>
    Tensor GateGradient(Tensor sums, Tensor dy);

    /// <summary>Product of two tensors element by element.</summary>
    Tensor Multiply(Tensor a, Tensor b);

    /// <summary>Some columns of a tensor: the way back from <see cref="ITensorOps.Concat"/>.</summary>
    /// <param name="x">[..., C].</param>
    /// <param name="start">The first column.</param>
    /// <param name="count">How many.</param>
    /// <returns>[..., count].</returns>
    Tensor Columns(Tensor x, int start, int count);

    /// <summary>Gradients of <see cref="ITensorOps.TokenEmbedding"/>.</summary>
    /// <param name="ids">I32, [B, L].</param>
    /// <param name="dy">[B, L, D].</param>
    /// <param name="tokens">The table, for its shape; null if nobody wants its gradient.</param>
    /// <param name="positions">The table, for its shape; null if nobody wants its gradient.</param>
    /// <param name="placeholderId">Of the forward pass.</param>
    /// <param name="placeholder">Its shape is that of the gradient; may be absent.</param>
    EmbeddingGradients TokenEmbeddingGradients(Tensor ids, Tensor dy, Weight? tokens, Weight? positions, int placeholderId, Tensor placeholder);

    /// <summary>Gradient of <see cref="ITensorOps.RelativePositionBias"/> by its table.</summary>
    /// <param name="table">For its shape, [buckets, heads].</param>
    /// <param name="buckets">I32, [2 L - 1].</param>
    /// <param name="dy">[heads, L, L].</param>
    Tensor RelativePositionBiasGradient(Weight table, Tensor buckets, Tensor dy);

    /// <summary>Gradients of <see cref="ITensorOps.RelativePositionGate"/> by the projection, [B, L * heads, 8], and by the scale, [heads].</summary>
    (Tensor Projected, Tensor Scale) RelativePositionGateGradients(Tensor projected, Weight scale, Tensor dy);

    /// <summary>Gradients of <see cref="ITensorOps.MeanCosine"/> by x and y.</summary>
    (Tensor X, Tensor Y) MeanCosineGradients(Tensor x, Tensor y, Tensor dy);

    /// <summary>Gradients of <see cref="ITensorOps.AttentionPool"/> by values and scores.</summary>
    (Tensor Values, Tensor Scores) AttentionPoolGradients(Tensor values, Tensor scores, Tensor dy);

    /// <summary>Gives a weight new values, in the order of its file.</summary>
    /// <exception cref="ShapeException">The count differs, or the weight is of another backend.</exception>
    void Assign(Weight weight, ReadOnlySpan<float> values);
}

/// <summary>Gradients of a normalisation.</summary>
/// <param name="X">By the input.</param>
/// <param name="Gamma">[C].</param>
/// <param name="Beta">[C].</param>
public readonly record struct NormGradients(Tensor X, Tensor Gamma, Tensor Beta);

/// <summary>Gradients of an attention; the last two are absent where the attention has no bias or no gate.</summary>
/// <param name="Q">[B, Lq, D].</param>
/// <param name="K">[B, Lk, D].</param>
/// <param name="V">[B, Lk, D].</param>
/// <param name="Bias">[heads, Lq, Lk].</param>
/// <param name="BiasGate">[B, Lq, heads].</param>
public readonly record struct AttentionGradients(Tensor Q, Tensor K, Tensor V, Tensor Bias, Tensor BiasGate);

/// <summary>Gradients of a token embedding; absent where not wanted.</summary>
/// <param name="Tokens">[V, D].</param>
/// <param name="Positions">As the table.</param>
/// <param name="Placeholder">As the placeholder.</param>
public readonly record struct EmbeddingGradients(Tensor Tokens, Tensor Positions, Tensor Placeholder);
