using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Beats;

/// <summary>One transformer layer, with its norms behind the residual sums (DeepNorm) or in front of the blocks.</summary>
internal sealed class BeatsLayer
{
    private readonly BeatsAttention _attention;
    private readonly LayerNorm _attentionNorm, _finalNorm;
    private readonly Linear _fc1, _fc2;
    private readonly float _residualScale;
    private readonly bool _preNorm;

    public BeatsLayer(WeightPath weights, BeatsConfig config)
    {
        _attention = new BeatsAttention(weights / "self_attn", config);
        _attentionNorm = LayerNorm.Load(weights / "self_attn_layer_norm", config.Width);
        _fc1 = Linear.Load(weights / "fc1", config.Width, config.FeedForwardWidth);
        _fc2 = Linear.Load(weights / "fc2", config.FeedForwardWidth, config.Width);
        _finalNorm = LayerNorm.Load(weights / "final_layer_norm", config.Width);
        _residualScale = config.ResidualScale;
        _preNorm = config.PreNorm;
    }

    /// <summary>[B, L, D] to [B, L, D]; the caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, Tensor x, Tensor bias)
    {
        using TensorScope scope = ops.Scope();
        if (_preNorm)
        {
            Tensor y = _attentionNorm.Forward(ops, x);
            y = scope.Swap(y, _attention.Forward(ops, y, bias, x, _residualScale));
            return scope.Keep(FeedForward(ops, _finalNorm.Forward(ops, y), y));
        }

        Tensor h = _attention.Forward(ops, x, bias, x, _residualScale);
        h = scope.Swap(h, _attentionNorm.Forward(ops, h));
        h = scope.Swap(h, FeedForward(ops, h, h));
        return scope.Keep(_finalNorm.Forward(ops, h));
    }

    private Tensor FeedForward(ITensorOps ops, Tensor x, Tensor residual)
    {
        using TensorScope scope = ops.Scope();
        Tensor inner = _fc1.Forward(ops, x, new() { Activation = Activation.Gelu });   // [B, L, F]
        return scope.Keep(_fc2.Forward(ops, inner, new() { Residual = residual, ResidualScale = _residualScale }));
    }
}
