using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Unet;

/// <summary>The conditional UNet of Stable Diffusion 1.x and 2.x: predicts the noise (or the velocity) in latents.</summary>
/// <remarks>
/// Rombach et al. 2022; diffusers' UNet2DConditionModel. What depends on the conditioning alone and on the time alone is made
/// once an image, not once a step:
/// <code>
/// UnetContext context = unet.PrepareContext(ops, conditioning);
/// UnetTimes times = unet.PrepareTimes(ops, timesteps);
/// for (int i = 0; i &lt; times.Count; i++)
///     noise = unet.Forward(ops, latents, times.Step(i), context);
/// </code>
/// One thread at a time drives an instance.
/// </remarks>
public sealed class UnetModel : IDisposable
{
    private readonly WeightStore _weights;
    private readonly UnetBlocks _blocks;
    private readonly TimeEmbedding _timeEmbedding;
    private readonly Conv2d _convIn, _convOut;
    private readonly UnetDownStage[] _down;
    private readonly UnetMidStage _mid;
    private readonly UnetUpStage[] _up;
    private readonly GroupNorm _normOut;
    private readonly SkipStack _skips;

    private UnetModel(WeightStore store, UnetConfig config)
    {
        _weights = store;
        Config = config;
        WeightPath weights = store.Root;
        int finest = config.Channels[0], levels = config.Levels, channels = finest;
        _blocks = new UnetBlocks(config);
        _timeEmbedding = new TimeEmbedding(weights / "time_embedding", config);

        _convIn = Conv2d.Load3x3(weights / "conv_in", config.InChannels, finest);
        Stack<int> skipChannels = new([finest]);
        _down = new UnetDownStage[levels];
        for (int level = 0; level < levels; level++)
        {
            _down[level] = new UnetDownStage(weights / "down_blocks" / level, channels, level, config, _blocks, skipChannels);
            channels = config.Channels[level];
        }

        _skips = new SkipStack(skipChannels.Count);
        _mid = new UnetMidStage(weights / "mid_block", config, _blocks);

        _up = new UnetUpStage[levels];
        for (int i = 0; i < levels; i++)
        {
            int level = levels - 1 - i;
            _up[i] = new UnetUpStage(weights / "up_blocks" / i, channels, level, config, _blocks, skipChannels);
            channels = config.Channels[level];
        }

        _normOut = GroupNorm.Load(weights / "conv_norm_out", finest, config.NormGroups, config.NormEpsilon);
        _convOut = Conv2d.Load3x3(weights / "conv_out", finest, config.OutChannels);
    }

    /// <summary>The architecture.</summary>
    public UnetConfig Config { get; }

    /// <summary>Loads a UNet. Low-rank adapters are merged before: the collection then gives the merged attention weights.</summary>
    /// <param name="ops">The backend on which the weights shall lie.</param>
    /// <param name="tensors">Tensors under diffusers' names; stays the caller's.</param>
    /// <param name="config">The architecture.</param>
    /// <exception cref="WeightException">Tensors are missing, misshapen or unused.</exception>
    public static UnetModel Load(ITensorOps ops, TensorCollection tensors, UnetConfig config) =>
        ModelLoader.Load(ops, tensors, store => new UnetModel(store, config));

    /// <summary>Derives what the forward needs to know of the conditioning.</summary>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="conditioning">Hidden states of the text encoder, [B, L, D]; B is the batch of the forward.</param>
    /// <returns>Keys and values of all cross-attentions; the caller's scope owns their memory.</returns>
    public UnetContext PrepareContext(ITensorOps ops, Tensor conditioning)
    {
        KeysAndValues[] layers = new KeysAndValues[_blocks.Transformers.Count];
        for (int i = 0; i < layers.Length; i++)
            layers[i] = _blocks.Transformers[i].Project(ops, conditioning);
        return new UnetContext(layers);
    }

    /// <summary>Derives what the forward needs to know of the times: one shift for each residual block and timestep.</summary>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="timesteps">Training timesteps, in [0, 1000) for Stable Diffusion; fractions are allowed.</param>
    /// <returns>The shifts; the caller's scope owns their memory.</returns>
    public UnetTimes PrepareTimes(ITensorOps ops, ReadOnlySpan<float> timesteps)
    {
        using TensorScope scope = ops.Scope();
        Tensor temb = _timeEmbedding.Forward(ops, ops.Upload(timesteps, [timesteps.Length])); // [S, Ct], after its SiLU
        Tensor[] shifts = new Tensor[_blocks.Resnets.Count];
        for (int i = 0; i < shifts.Length; i++)
            shifts[i] = scope.Keep(_blocks.Resnets[i].TimeShift(ops, temb));                 // [S, Cout of block i]
        return new UnetTimes(shifts, timesteps.Length);
    }

    /// <summary>Predicts the noise in the latents at one time.</summary>
    /// <remarks>A context of n times as many samples wants each of the latents under n conditionings, first all of them under the first
    /// B, and so on: what they share until the first cross-attention is then computed once. The numbers are those of repeated latents.</remarks>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="latents">Latents as the sampler scales them, [B, h, w, 4]; any size, multiples of 8 are best.</param>
    /// <param name="time">From <see cref="PrepareTimes"/>; one for all samples where the context has more of them than the latents.</param>
    /// <param name="context">From <see cref="PrepareContext"/>, of Bc samples, a multiple of B; for guidance 2 B.</param>
    /// <returns>The prediction, [Bc, h, w, 4]; the caller's scope owns it.</returns>
    /// <exception cref="ShapeException">Bc is no multiple of B.</exception>
    public Tensor Forward(ITensorOps ops, Tensor latents, UnetTime time, UnetContext context)
    {
        int batch = latents.Shape[0];
        if (batch == 0 || context.Batch % batch != 0)
            throw new ShapeException($"Unet: the context is of {context.Batch} samples, wanted a multiple of the latents', {latents.Shape}.");
        using TensorScope scope = ops.Scope();
        UnetPass pass = new(ops, scope, time, context, _skips);
        _skips.Clear();

        // Down: every layer's output waits on the stack for the layer opposite it.
        Tensor h = _skips.Push(_convIn.Forward(ops, latents, new() { NormFollows = true })); // [B, h, w, C0]
        foreach (UnetDownStage stage in _down)
            h = stage.Forward(pass, h);                            // [B, h/2^(i+1), w/2^(i+1), Ci]; the last keeps its size

        h = _mid.Forward(pass, h);                                 // the same; from the first cross-attention on Bc samples

        // Up: each layer takes its opposite back, side by side with its own input.
        foreach (UnetUpStage stage in _up)
            h = stage.Forward(pass, h);                            // back to [Bc, h, w, C0]

        h = scope.Swap(h, _normOut.Forward(ops, h, Activation.Silu));
        return scope.Keep(_convOut.Forward(ops, h));               // [Bc, h, w, 4]
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => _weights.Dispose();
}
