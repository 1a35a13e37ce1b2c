using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Vae;

/// <summary>The half of Stable Diffusion's autoencoder that makes pictures of latents.</summary>
/// <remarks>Rombach et al. 2022; diffusers' AutoencoderKL.</remarks>
public sealed class VaeDecoder : IDisposable
{
    /// <summary>The finest levels, which <see cref="ForwardTiled"/> does in strips: a coarser map is small beside them.</summary>
    internal const int LevelsInStrips = 2;

    private const int Strips = 8;

    private readonly WeightStore _weights;
    private readonly Conv2d _postQuant, _convIn, _convOut;
    private readonly VaeMidBlock _mid;
    private readonly VaeUpBlock[] _up;
    private readonly GroupNorm _normOut;

    private VaeDecoder(WeightStore store, VaeConfig config)
    {
        _weights = store;
        Config = config;
        WeightPath root = store.Root, weights = root / "decoder";
        int channels = config.Channels[^1], finest = config.Channels[0];
        root.Ignore("encoder"); // the other half
        root.Ignore("quant_conv");
        _postQuant = Conv2d.Load1x1(root / "post_quant_conv", config.LatentChannels, config.LatentChannels);
        _convIn = Conv2d.Load3x3(weights / "conv_in", config.LatentChannels, channels);
        _mid = new VaeMidBlock(weights / "mid_block", config);
        _up = new VaeUpBlock[config.Levels];
        for (int i = 0; i < _up.Length; i++)
        {
            int level = config.Levels - 1 - i;
            _up[i] = new VaeUpBlock(weights / "up_blocks" / i, channels, level, config);
            channels = config.Channels[level];
        }

        _normOut = GroupNorm.Load(weights / "conv_norm_out", finest, config.NormGroups, VaeConfig.NormEpsilon, strips: true);
        _convOut = Conv2d.Load3x3(weights / "conv_out", finest, config.ImageChannels);
    }

    /// <summary>The architecture.</summary>
    public VaeConfig Config { get; }

    /// <summary>Loads the decoder of an autoencoder; the encoder's tensors may be there and are not used.</summary>
    /// <param name="ops">The backend on which the weights shall lie.</param>
    /// <param name="tensors">Tensors under diffusers' names, old or new; stays the caller's.</param>
    /// <param name="config">The architecture.</param>
    /// <exception cref="WeightException">Tensors are missing, misshapen or unused.</exception>
    public static VaeDecoder Load(ITensorOps ops, TensorCollection tensors, VaeConfig config) =>
        ModelLoader.Load(ops, tensors, store => new VaeDecoder(store, config));

    /// <summary>Diffusion latents to the autoencoder's own: divided by the scaling factor. Do this before <see cref="Forward"/>.</summary>
    /// <returns>A tensor of the same shape; the caller's scope owns it.</returns>
    public Tensor Unscale(ITensorOps ops, Tensor latents) => ops.WeightedSum([new WeightedTensor(latents, (float)(1 / Config.ScalingFactor))]);

    /// <summary>Decodes latents.</summary>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="latents">The autoencoder's latents (<see cref="Unscale"/>), [B, h, w, 4].</param>
    /// <returns>Picture, about [-1, 1], [B, 8h, 8w, 3]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor latents)
    {
        using TensorScope scope = ops.Scope();
        Tensor h = Through(_up, ops, scope, latents);                          // [B, 8h, 8w, C0]
        h = scope.Swap(h, _normOut.Forward(ops, h, Activation.Silu));
        return scope.Keep(_convOut.Forward(ops, h));                       // [B, 8h, 8w, 3]
    }

    /// <summary>Decodes one picture's latents in strips of rows, for less memory: about the largest feature map and a half where
    /// <see cref="Forward"/> holds two and a half.</summary>
    /// <remarks>Norms have the statistics of whole maps, summed strip by strip, and windows see the rows of the strips beside theirs: the picture is that of
    /// <see cref="Forward"/> but for rounding, without seams. Statistics are summed on the host. Norms' factors are those that were loaded: after a change
    /// of the weights in place decode by <see cref="Forward"/>.</remarks>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="latents">The autoencoder's latents (<see cref="Unscale"/>), [1, h, w, 4].</param>
    /// <returns>Picture, about [-1, 1], [1, 8h, 8w, 3]; the caller's scope owns it.</returns>
    /// <exception cref="ShapeException">There is more than one picture.</exception>
    public Tensor ForwardTiled(ITensorOps ops, Tensor latents)
    {
        using TensorScope scope = ops.Scope();
        ops.Trim(); // what the UNet left
        int whole = Math.Max(0, _up.Length - LevelsInStrips);
        Tensor h = Through(_up.AsSpan(0, whole), ops, scope, latents);
        FeatureStrips strips = FeatureStrips.Cut(ops, scope, h, Strips);
        scope.Release(h);
        ops.Trim();
        foreach (VaeUpBlock block in _up.AsSpan(whole))
            strips = block.ForwardStrips(ops, strips);                     // [1, h, w, C0] together
        StripStatistics statistics = _normOut.Statistics(ops, strips);
        FeatureStrips picture = strips.Next();
        for (int i = 0; i < strips.Count; i++)
        {
            using (TensorScope strip = ops.Scope())
                picture[i] = strips.Inner(i, strip.Keep(_convOut.Forward(ops, _normOut.ForwardStrip(ops, strips, statistics, i))));
            strips.Passed(ops, i);
        }

        return scope.Keep(picture.Join(ops));                              // [1, 8h, 8w, 3]
    }

    // From the latents through some of the levels; the given scope is the innermost and owns the result.
    private Tensor Through(ReadOnlySpan<VaeUpBlock> levels, ITensorOps ops, TensorScope scope, Tensor latents)
    {
        Tensor h = _postQuant.Forward(ops, latents);                       // [B, h, w, 4]
        h = scope.Swap(h, _convIn.Forward(ops, h, new() { NormFollows = true })); // [B, h, w, C3]
        h = scope.Swap(h, _mid.Forward(ops, h));
        foreach (VaeUpBlock block in levels)
            h = scope.Swap(h, block.Forward(ops, h));                      // [B, 2h, 2w, C3], ..., [B, 8h, 8w, C0]
        return h;
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => _weights.Dispose();
}
