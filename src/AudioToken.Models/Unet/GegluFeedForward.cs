using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>Feed-forward network with a gated inner layer. Shazeer 2020 (GEGLU).</summary>
internal sealed class GegluFeedForward
{
    private readonly Linear _projection, _output;

    public GegluFeedForward(WeightPath weights, int channels)
    {
        int inner = 4 * channels;
        _projection = Linear.Load(weights / "net" / 0 / "proj", channels, 2 * inner); // values, then gates
        _output = Linear.Load(weights / "net" / 2, inner, channels);
    }

    /// <summary>[B, L, C] to [B, L, C], plus the residual; the caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, Tensor x, Tensor residual)
    {
        using TensorScope scope = ops.Scope();
        Tensor gated = _projection.Forward(ops, x, new() { Activation = Activation.Geglu }); // [B, L, 4 C]
        return scope.Keep(_output.Forward(ops, gated, new() { Residual = residual }));
    }
}
