using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Clip;

/// <summary>One pre-norm transformer layer with a causal mask.</summary>
internal sealed class ClipTextLayer
{
    private readonly LayerNorm _norm1, _norm2;
    private readonly MultiHeadAttention _attention;
    private readonly Linear _fc1, _fc2;
    private readonly Activation _activation;

    public ClipTextLayer(WeightPath weights, ClipTextConfig config)
    {
        int width = config.Width;
        WeightPath attention = weights / "self_attn", mlp = weights / "mlp";
        _norm1 = LayerNorm.Load(weights / "layer_norm1", width, config.NormEpsilon);
        _attention = new MultiHeadAttention(
            Linear.Load(attention / "q_proj", width, width),
            Linear.Load(attention / "k_proj", width, width),
            Linear.Load(attention / "v_proj", width, width),
            Linear.Load(attention / "out_proj", width, width),
            width,
            config.Heads,
            causal: true);
        _norm2 = LayerNorm.Load(weights / "layer_norm2", width, config.NormEpsilon);
        _fc1 = Linear.Load(mlp / "fc1", width, config.FeedForwardWidth);
        _fc2 = Linear.Load(mlp / "fc2", config.FeedForwardWidth, width);
        _activation = config.Activation;
    }

    /// <summary>[B, L, D] to [B, L, D]; the caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, Tensor x)
    {
        using TensorScope scope = ops.Scope();
        Tensor h = _norm1.Forward(ops, x);
        Tensor y = scope.Swap(h, _attention.Forward(ops, h, residual: x));                  // [B, L, D]
        h = _norm2.Forward(ops, y);
        h = scope.Swap(h, _fc1.Forward(ops, h, new() { Activation = _activation }));        // [B, L, F]
        return scope.Keep(_fc2.Forward(ops, h, new() { Residual = y }));
    }
}
