using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Vae;

/// <summary>The half of Stable Diffusion's autoencoder that makes latents of pictures.</summary>
/// <remarks>Rombach et al. 2022; diffusers' AutoencoderKL.</remarks>
public sealed class VaeEncoder : IDisposable
{
    private readonly WeightStore _weights;
    private readonly Conv2d _convIn, _convOut, _quant;
    private readonly VaeDownBlock[] _down;
    private readonly VaeMidBlock _mid;
    private readonly GroupNorm _normOut;

    private VaeEncoder(WeightStore store, VaeConfig config)
    {
        _weights = store;
        Config = config;
        WeightPath root = store.Root, weights = root / "encoder";
        int channels = config.Channels[0], moments = 2 * config.LatentChannels;
        root.Ignore("decoder"); // the other half
        root.Ignore("post_quant_conv");
        _convIn = Conv2d.Load3x3(weights / "conv_in", config.ImageChannels, channels);
        _down = new VaeDownBlock[config.Levels];
        for (int level = 0; level < _down.Length; level++)
        {
            _down[level] = new VaeDownBlock(weights / "down_blocks" / level, channels, level, config);
            channels = config.Channels[level];
        }

        _mid = new VaeMidBlock(weights / "mid_block", config);
        _normOut = GroupNorm.Load(weights / "conv_norm_out", channels, config.NormGroups, VaeConfig.NormEpsilon);
        _convOut = Conv2d.Load3x3(weights / "conv_out", channels, moments);
        _quant = Conv2d.Load1x1(root / "quant_conv", moments, moments);
    }

    /// <summary>The architecture.</summary>
    public VaeConfig Config { get; }

    /// <summary>Loads the encoder of an autoencoder; the decoder's tensors may be there and are not used.</summary>
    /// <param name="ops">The backend on which the weights shall lie.</param>
    /// <param name="tensors">Tensors under diffusers' names, old or new; stays the caller's.</param>
    /// <param name="config">The architecture.</param>
    /// <exception cref="WeightException">Tensors are missing, misshapen or unused.</exception>
    public static VaeEncoder Load(ITensorOps ops, TensorCollection tensors, VaeConfig config) =>
        ModelLoader.Load(ops, tensors, store => new VaeEncoder(store, config));

    /// <summary>Encodes pictures.</summary>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="images">[B, H, W, 3] in [-1, 1]; sides are multiples of 8.</param>
    /// <returns>Moments for <see cref="DiagonalGaussian"/>, [B, H/8, W/8, 8]; the caller's scope owns them.</returns>
    public Tensor Forward(ITensorOps ops, Tensor images)
    {
        using TensorScope scope = ops.Scope();
        Tensor h = _convIn.Forward(ops, images, new() { NormFollows = true }); // [B, H, W, C0]
        foreach (VaeDownBlock block in _down)
            h = scope.Swap(h, block.Forward(ops, h));                      // [B, H/2, W/2, C0], ..., [B, H/8, W/8, C3]
        h = scope.Swap(h, _mid.Forward(ops, h));
        h = scope.Swap(h, _normOut.Forward(ops, h, Activation.Silu));
        h = scope.Swap(h, _convOut.Forward(ops, h));                       // [B, H/8, W/8, 8]
        return scope.Keep(_quant.Forward(ops, h));
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => _weights.Dispose();
}
