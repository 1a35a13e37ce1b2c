using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>The bottom: a layer with attention and one without, on the coarsest level.</summary>
internal sealed class UnetMidStage
{
    private readonly UnetLayer _first, _second;

    public UnetMidStage(WeightPath weights, UnetConfig config, UnetBlocks blocks)
    {
        int level = config.Levels - 1, channels = config.Channels[level];
        _first = new UnetLayer(weights, 0, channels, level, attention: true, config, blocks);
        _second = new UnetLayer(weights, 1, channels, level, attention: false, config, blocks);
    }

    /// <summary>[B, H, W, C] to [B, H, W, C].</summary>
    public Tensor Forward(in UnetPass pass, Tensor x)
    {
        Tensor h = _first.Forward(pass, x);
        return pass.Scope.Swap(h, _second.Forward(pass, h));
    }
}
