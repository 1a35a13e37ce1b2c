using AudioToken.Models.Layers;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>Makes a UNet's blocks and lists them in order of making: prepared times and contexts are kept under these numbers.</summary>
internal sealed class UnetBlocks(UnetConfig config)
{
    public List<ResnetBlock2D> Resnets { get; } = [];

    public List<Transformer2D> Transformers { get; } = [];

    /// <summary>Makes a residual block and returns its number.</summary>
    public int AddResnet(WeightPath weights, int inChannels, int outChannels)
    {
        Resnets.Add(new ResnetBlock2D(weights, inChannels, outChannels, config.NormGroups, config.NormEpsilon, config.TimeChannels));
        return Resnets.Count - 1;
    }

    /// <summary>Makes a transformer for a level and returns its number.</summary>
    public int AddTransformer(WeightPath weights, int level)
    {
        Transformers.Add(new Transformer2D(weights, config.Channels[level], config.Heads[level], config));
        return Transformers.Count - 1;
    }
}
