using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Vae;

/// <summary>One level of the encoder: residual blocks, then a convolution that halves the sides (not on the coarsest level).</summary>
internal sealed class VaeDownBlock
{
    private readonly ResnetBlock2D[] _resnets;
    private readonly Conv2d? _downsample;

    public VaeDownBlock(WeightPath weights, int inChannels, int level, VaeConfig config)
    {
        int channels = config.Channels[level];
        _resnets = new ResnetBlock2D[config.LayersPerBlock];
        for (int i = 0; i < _resnets.Length; i++)
            _resnets[i] = new ResnetBlock2D(weights / "resnets" / i, i == 0 ? inChannels : channels, channels, config.NormGroups, VaeConfig.NormEpsilon);

        // Padded on the right and at the bottom only, unlike the UNet's.
        if (level < config.Levels - 1)
            _downsample = Conv2d.Load(weights / "downsamplers" / 0 / "conv", channels, channels, 3, new ConvGeometry { Stride = 2, PadRight = 1, PadBottom = 1 });
    }

    /// <summary>[B, H, W, C] to [B, H/2, W/2, Cout]; the caller's scope owns it.</summary>
    public Tensor Forward(ITensorOps ops, Tensor x)
    {
        using TensorScope scope = ops.Scope();
        Tensor h = x;
        foreach (ResnetBlock2D resnet in _resnets)
            h = scope.Swap(h, resnet.Forward(ops, h, normFollows: _downsample is null || resnet != _resnets[^1]));
        return scope.Keep(_downsample is null ? h : _downsample.Forward(ops, h, new() { NormFollows = true }));
    }
}
