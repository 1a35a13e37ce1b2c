using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>Self-attention, cross-attention to the conditioning and a feed-forward network over the pixels of a feature map.</summary>
/// <remarks>diffusers' Transformer2DModel with its one BasicTransformerBlock. Rombach et al. 2022. The feed-forward network's inner layer is gated: Shazeer 2020 (GEGLU).</remarks>
internal sealed class Transformer2D
{
    // These two differ from the residual blocks' 1e-5 only by an accident of history, but files are trained with them.
    private const float GroupNormEpsilon = 1e-6f;

    private readonly GroupNorm _norm;
    private readonly Linear _projIn, _gated;
    private readonly LinearChain _output; // the feed-forward network's last layer and proj_out
    private readonly LayerNorm _norm1, _norm2, _norm3;
    private readonly MultiHeadAttention _selfAttention, _crossAttention;

    public Transformer2D(WeightPath weights, int channels, int heads, UnetConfig config)
    {
        WeightPath block = weights / "transformer_blocks" / 0;
        _norm = GroupNorm.Load(weights / "norm", channels, config.NormGroups, GroupNormEpsilon);
        _projIn = Linear.LoadPointwise(weights / "proj_in", channels, channels);
        _norm1 = LayerNorm.Load(block / "norm1", channels);
        _selfAttention = LoadAttention(block / "attn1", channels, channels, heads);
        _norm2 = LayerNorm.Load(block / "norm2", channels);
        _crossAttention = LoadAttention(block / "attn2", channels, config.ContextWidth, heads);
        _norm3 = LayerNorm.Load(block / "norm3", channels);
        WeightPath feedForward = block / "ff" / "net";
        int inner = 4 * channels;
        _gated = Linear.Load(feedForward / 0 / "proj", channels, 2 * inner); // values, then gates
        _output = new LinearChain(
            Linear.Load(feedForward / 2, inner, channels).Projection,
            Linear.LoadPointwise(weights / "proj_out", channels, channels).Projection);
        weights.Prepare(_output);
    }

    /// <summary>What <see cref="Forward"/> looks at, from the conditioning [B, L, D]; the caller's scope owns it.</summary>
    public KeysAndValues Project(ITensorOps ops, Tensor conditioning) => _crossAttention.Project(ops, conditioning);

    /// <summary>[B, H, W, C] to [Bc, H, W, C], Bc the batch of the context, a multiple of B; the caller's scope owns it.</summary>
    /// <remarks>Up to the cross-attention the samples know nothing of the context, so that what they share until there is computed once.</remarks>
    public Tensor Forward(ITensorOps ops, Tensor x, in KeysAndValues context, bool normFollows = true)
    {
        int batch = context.Keys.Shape[0];
        using TensorScope scope = ops.Scope();
        Tensor pixels = x.Reshape([x.Shape[0], x.Shape[1] * x.Shape[2], x.Shape[3]]);   // [B, HW, C]
        Tensor h = _norm.Forward(ops, pixels);
        Tensor y = scope.Swap(h, _projIn.Forward(ops, h));                              // [B, HW, C]

        h = _norm1.Forward(ops, y);
        h = scope.Swap(h, _selfAttention.Forward(ops, h, residual: y));
        y = scope.Swap(y, h);
        if (batch > y.Shape[0])
        {
            int times = batch / y.Shape[0];
            y = scope.Swap(y, ops.RepeatBatch(y, times));                              // [Bc, HW, C]
            pixels = ops.RepeatBatch(pixels, times);                                   // [Bc, HW, C]
        }

        h = _norm2.Forward(ops, y);
        h = scope.Swap(h, _crossAttention.Forward(ops, h, context, residual: y));
        y = scope.Swap(y, h);

        h = _norm3.Forward(ops, y);
        h = scope.Swap(h, _gated.Forward(ops, h, new() { Activation = Activation.Geglu }));  // [Bc, HW, 4 C]
        h = ops.LinearChain(h, _output, residual: y, new() { Residual = pixels, NormFollows = normFollows });
        return scope.Keep(h).Reshape(x.Shape.WithFirst(batch));
    }

    private static MultiHeadAttention LoadAttention(WeightPath weights, int channels, int contextChannels, int heads) => new(
        Linear.Load(weights / "to_q", channels, channels, bias: false),
        Linear.Load(weights / "to_k", contextChannels, channels, bias: false),
        Linear.Load(weights / "to_v", contextChannels, channels, bias: false),
        Linear.Load(weights / "to_out" / 0, channels, channels),
        channels,
        heads);
}
