using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Vae;

/// <summary>One level of the decoder: residual blocks, then an enlargement to twice the sides (not on the finest level).</summary>
internal sealed class VaeUpBlock
{
    private readonly ResnetBlock2D[] _resnets;
    private readonly Conv2d? _upsample;

    public VaeUpBlock(WeightPath weights, int inChannels, int level, VaeConfig config)
    {
        int channels = config.Channels[level];
        _resnets = new ResnetBlock2D[config.LayersPerBlock + 1];
        for (int i = 0; i < _resnets.Length; i++)
            _resnets[i] = new ResnetBlock2D(weights / "resnets" / i, i == 0 ? inChannels : channels, channels, config.NormGroups, VaeConfig.NormEpsilon, strips: level < VaeDecoder.LevelsInStrips);
        _upsample = level == 0 ? null : Conv2d.LoadDoubling(weights / "upsamplers" / 0 / "conv", channels);
    }

    /// <summary>[B, H, W, C] to [B, 2H, 2W, Cout]; the caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, Tensor x)
    {
        using TensorScope scope = ops.Scope();
        Tensor h = x;
        foreach (ResnetBlock2D resnet in _resnets)
            h = scope.Swap(h, resnet.Forward(ops, h, normFollows: _upsample is null || resnet != _resnets[^1]));
        return scope.Keep(_upsample is null ? h : _upsample.ForwardEnlarged(ops, h, 2 * h.Shape[1], 2 * h.Shape[2], new() { NormFollows = true }));
    }

    /// <summary>The same for a map in strips, which is used up; a level that is done in strips.</summary>
    public FeatureStrips ForwardStrips(ITensorOps ops, FeatureStrips x)
    {
        foreach (ResnetBlock2D resnet in _resnets)
            x = resnet.ForwardStrips(ops, x);
        return _upsample is null ? x : _upsample.ForwardDoubled(ops, x);
    }
}
