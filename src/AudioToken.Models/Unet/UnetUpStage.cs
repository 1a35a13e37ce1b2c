using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>One level on the way up: layers that take back the skips, then an enlargement to the size of the next skip.</summary>
internal sealed class UnetUpStage
{
    private readonly UnetLayer[] _layers;
    private readonly Conv2d? _upsample; // null on the finest level

    public UnetUpStage(WeightPath weights, int inChannels, int level, UnetConfig config, UnetBlocks blocks, Stack<int> skipChannels)
    {
        int channels = config.Channels[level];
        _layers = new UnetLayer[config.LayersPerBlock + 1];
        for (int i = 0; i < _layers.Length; i++)
        {
            int joined = (i == 0 ? inChannels : channels) + skipChannels.Pop();
            _layers[i] = new UnetLayer(weights, i, joined, level, config.UpAttention[level], config, blocks);
        }

        if (level > 0)
            _upsample = Conv2d.LoadDoubling(weights / "upsamplers" / 0 / "conv", channels);
    }

    /// <summary>[B, H, W, C] to [B, 2H, 2W, Cout] (the finest level keeps the size; odd sides come back as they were).</summary>
    public Tensor Forward(in UnetPass pass, Tensor h)
    {
        foreach (UnetLayer layer in _layers)
        {
            Tensor skip = pass.Skips.Pop();
            if (h.Shape[0] > skip.Shape[0]) // a map from before the first cross-attention
                skip = pass.Scope.Swap(skip, pass.Ops.RepeatBatch(skip, h.Shape[0] / skip.Shape[0]));
            h = layer.Forward(pass, h, skip, normFollows: _upsample is null || layer != _layers[^1]);
        }

        if (_upsample is null)
            return h;
        Shape next = pass.Skips.PeekShape();
        return pass.Scope.Swap(h, _upsample.ForwardEnlarged(pass.Ops, h, next[1], next[2], new() { NormFollows = true }));
    }
}
