using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>One level on the way down: layers, then a convolution that halves the sides. Every result waits on the stack of skips.</summary>
internal sealed class UnetDownStage
{
    private readonly UnetLayer[] _layers;
    private readonly Conv2d? _downsample; // null on the coarsest level

    public UnetDownStage(WeightPath weights, int inChannels, int level, UnetConfig config, UnetBlocks blocks, Stack<int> skipChannels)
    {
        int channels = config.Channels[level];
        _layers = new UnetLayer[config.LayersPerBlock];
        for (int i = 0; i < _layers.Length; i++)
        {
            _layers[i] = new UnetLayer(weights, i, i == 0 ? inChannels : channels, level, config.DownAttention[level], config, blocks);
            skipChannels.Push(channels);
        }

        if (level < config.Levels - 1)
        {
            _downsample = Conv2d.Load(weights / "downsamplers" / 0 / "conv", channels, channels, 3, new ConvGeometry(stride: 2, padding: 1));
            skipChannels.Push(channels);
        }
    }

    /// <summary>[B, H, W, C] to [B, H/2, W/2, Cout] (the coarsest level keeps the size).</summary>
    public Tensor Forward(in UnetPass pass, Tensor h)
    {
        foreach (UnetLayer layer in _layers)
            h = pass.Skips.Push(layer.Forward(pass, h));
        return _downsample is null ? h : pass.Skips.Push(_downsample.Forward(pass.Ops, h, new() { NormFollows = true }));
    }
}
