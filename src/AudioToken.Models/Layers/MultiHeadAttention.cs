using AudioToken.Tensors;

namespace AudioToken.Models.Layers;

/// <summary>Scaled dot-product attention between two sequences, or within one. Vaswani et al. 2017.</summary>
/// <remarks>Head h takes channels [h * width, (h + 1) * width) of the projections; scores are scaled by width^-0.5.</remarks>
public sealed class MultiHeadAttention
{
    private readonly Linear _query, _key, _value, _output;
    private readonly AttentionOptions _options;

    /// <summary>Joins four projections.</summary>
    /// <param name="query">From the sequence that asks.</param>
    /// <param name="key">From the sequence that is asked.</param>
    /// <param name="value">From the sequence that is asked.</param>
    /// <param name="output">Applied to the heads side by side.</param>
    /// <param name="channels">Width of the projections, a multiple of <paramref name="heads"/>.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="causal">Position i sees positions j &lt;= i only.</param>
    public MultiHeadAttention(Linear query, Linear key, Linear value, Linear output, int channels, int heads, bool causal = false)
    {
        _query = query;
        _key = key;
        _value = value;
        _output = output;
        _options = new AttentionOptions { Heads = heads, Scale = (float)(1 / Math.Sqrt(channels / heads)), Causal = causal };
    }

    /// <summary>Projects the sequence that is asked; worth keeping where the same is asked many times.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="context">[B, Lk, Ck].</param>
    /// <returns>Keys and values, each [B, Lk, C]; the caller's scope owns them.</returns>
    public KeysAndValues Project(ITensorOps ops, Tensor context)
    {
        Span<Tensor> made = [default, default];
        ops.Project(context, [_key.Projection, _value.Projection], made);
        return new(made[0], made[1]);
    }

    /// <summary>Attention within one sequence.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[B, L, C].</param>
    /// <param name="residual">Added to the result, [B, L, C].</param>
    /// <param name="normFollows">Whether a GroupNorm will read the result.</param>
    /// <returns>[B, L, C]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor x, Tensor residual, bool normFollows = false)
    {
        using TensorScope scope = ops.Scope();
        Span<Tensor> made = [default, default, default];                                          // each [B, L, C]
        ops.Project(x, [_query.Projection, _key.Projection, _value.Projection], made);
        Tensor heads = ops.Attention(made[0], made[1], made[2], _options);                        // [B, L, C]
        foreach (Tensor projected in made)
            scope.Release(projected);
        return scope.Keep(_output.Forward(ops, heads, new() { Residual = residual, NormFollows = normFollows }));
    }

    /// <summary>Attention to keys and values made by <see cref="Project"/>.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[B, L, C].</param>
    /// <param name="context">[B, Lk, C] each.</param>
    /// <param name="residual">Added to the result, [B, L, C].</param>
    /// <returns>[B, L, C]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor x, in KeysAndValues context, Tensor residual)
    {
        using TensorScope scope = ops.Scope();
        Tensor q = _query.Forward(ops, x);                                                        // [B, L, C]
        Tensor heads = scope.Swap(q, ops.Attention(q, context.Keys, context.Values, _options));   // [B, L, C]
        return scope.Keep(_output.Forward(ops, heads, new() { Residual = residual }));
    }
}
