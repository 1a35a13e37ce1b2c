using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Vae;

/// <summary>The coarsest level: a residual block, attention over all pixels, a residual block.</summary>
internal sealed class VaeMidBlock
{
    private readonly ResnetBlock2D _first, _second;
    private readonly GroupNorm _norm;
    private readonly MultiHeadAttention _attention;

    public VaeMidBlock(WeightPath weights, VaeConfig config)
    {
        int channels = config.Channels[^1];
        WeightPath attention = weights / "attentions" / 0;
        _first = new ResnetBlock2D(weights / "resnets" / 0, channels, channels, config.NormGroups, VaeConfig.NormEpsilon);
        _norm = GroupNorm.Load(attention / "group_norm", channels, config.NormGroups, VaeConfig.NormEpsilon);
        _attention = LoadAttention(attention, channels);
        _second = new ResnetBlock2D(weights / "resnets" / 1, channels, channels, config.NormGroups, VaeConfig.NormEpsilon);
    }

    /// <summary>[B, H, W, C] to [B, H, W, C]; the caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, Tensor x)
    {
        using TensorScope scope = ops.Scope();
        Tensor h = _first.Forward(ops, x);
        Tensor pixels = h.Reshape([h.Shape[0], h.Shape[1] * h.Shape[2], h.Shape[3]]);   // [B, HW, C]
        Tensor y = _norm.Forward(ops, pixels);
        y = scope.Swap(y, _attention.Forward(ops, y, residual: pixels, normFollows: true)).Reshape(h.Shape);
        return scope.Keep(_second.Forward(ops, scope.Swap(h, y)));
    }

    // Published SD files have the names of before diffusers 0.18; single-file checkpoints hold 1x1 convolutions.
    private static MultiHeadAttention LoadAttention(WeightPath weights, int channels)
    {
        bool old = weights.Has("query.weight");
        return new MultiHeadAttention(
            Linear.LoadPointwise(weights / (old ? "query" : "to_q"), channels, channels),
            Linear.LoadPointwise(weights / (old ? "key" : "to_k"), channels, channels),
            Linear.LoadPointwise(weights / (old ? "value" : "to_v"), channels, channels),
            Linear.LoadPointwise(old ? weights / "proj_attn" : weights / "to_out" / 0, channels, channels),
            channels,
            heads: 1);
    }
}
