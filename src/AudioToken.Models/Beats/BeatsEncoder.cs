using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Beats;

/// <summary>BEATs, the audio transformer, with the output that AudioToken takes: three hidden layers side by side.</summary>
/// <remarks>Chen et al. 2023, "BEATs: Audio Pre-Training with Acoustic Tokenizers"; the choice of layers: Yariv et al. 2023.</remarks>
public sealed class BeatsEncoder : IDisposable
{
    private readonly WeightStore _weights;
    private readonly Conv2d _patchEmbedding;
    private readonly LayerNorm _patchNorm;
    private readonly Linear? _projection; // null where patches are as wide as tokens
    private readonly PositionConvolution _positions;
    private readonly LayerNorm? _inputNorm; // null in the pre-norm variant
    private readonly RelativePositions? _relativePositions;
    private readonly BeatsLayer[] _layers;

    private BeatsEncoder(WeightStore store, BeatsConfig config)
    {
        _weights = store;
        Config = config;
        WeightPath weights = store.Root, encoder = weights / "encoder";
        _patchEmbedding = Conv2d.Load(
            weights / "patch_embedding", 1, config.EmbedWidth, BeatsConfig.PatchSize, new ConvGeometry(BeatsConfig.PatchSize, padding: 0), config.PatchBias);
        _patchNorm = LayerNorm.Load(weights / "layer_norm", config.EmbedWidth);
        _projection = config.EmbedWidth == config.Width ? null : Linear.Load(weights / "post_extract_proj", config.EmbedWidth, config.Width);
        _positions = new PositionConvolution(encoder / "pos_conv" / 0, config);
        if (config.PreNorm)
            encoder.Ignore("layer_norm"); // there it belongs behind the last layer, whose normed output nobody takes here
        else
            _inputNorm = LayerNorm.Load(encoder / "layer_norm", config.Width);
        _relativePositions = config.RelativePositions ? new RelativePositions(encoder / "layers", config) : null;
        _layers = new BeatsLayer[config.Layers];
        for (int i = 0; i < _layers.Length; i++)
            _layers[i] = new BeatsLayer(encoder / "layers" / i, config);
        weights.Ignore("predictor"); // the classifier of fine-tuned files
    }

    /// <summary>The architecture.</summary>
    public BeatsConfig Config { get; }

    /// <summary>Loads an encoder; <c>predictor.*</c> may be there and is not used.</summary>
    /// <param name="ops">The backend on which the weights shall lie.</param>
    /// <param name="tensors">The checkpoint's <c>model</c> part; stays the caller's.</param>
    /// <param name="config">Its architecture.</param>
    /// <exception cref="WeightException">Tensors are missing, misshapen or unused.</exception>
    public static BeatsEncoder Load(ITensorOps ops, TensorCollection tensors, BeatsConfig config) =>
        ModelLoader.Load(ops, tensors, store => new BeatsEncoder(store, config));

    /// <summary>Encodes log-mel features.</summary>
    /// <param name="ops">The operations of the backend that holds the weights.</param>
    /// <param name="fbank">Normalised features, [B, F, 128]. Frames beyond a multiple of 16 are not heard.</param>
    /// <returns>[B, L, 3 D] with L = 8 floor(F / 16), mel patches fastest; the caller's scope owns it.</returns>
    /// <exception cref="AudioTokenException">Code 3401: fewer than 16 frames.</exception>
    public Tensor Forward(ITensorOps ops, Tensor fbank)
    {
        (int batch, int frames) = Check(fbank.Shape);
        int length = frames / BeatsConfig.PatchSize * BeatsConfig.TokensPerPatchRow;
        using TensorScope scope = ops.Scope();

        // Patches: each square of 16 frames by 16 bins becomes one token.
        Tensor x = _patchEmbedding.Forward(ops, fbank.Reshape([batch, frames, BeatsConfig.MelBins, 1])); // [B, F/16, 8, E]
        x = x.Reshape([batch, length, Config.EmbedWidth]);                                               // [B, L, E]
        x = scope.Swap(x, _patchNorm.Forward(ops, x));
        if (_projection is not null)
            x = scope.Swap(x, _projection.Forward(ops, x));                                              // [B, L, D]

        // Positions: absolute ones from the neighbourhood, relative ones as a bias that all layers share.
        x = scope.Swap(x, _positions.Forward(ops, x));
        if (_inputNorm is not null)
            x = scope.Swap(x, _inputNorm.Forward(ops, x));
        Tensor bias = _relativePositions is null ? default : _relativePositions.Forward(ops, length);    // [heads, L, L]

        Span<Tensor> collected = [default, default, default];
        int count = 0;
        for (int i = 0; i < _layers.Length; i++)
        {
            Tensor y = _layers[i].Forward(ops, x, bias);                                                 // [B, L, D]
            x = Config.Collects(i - 1) ? y : scope.Swap(x, y);
            if (Config.Collects(i))
                collected[count++] = x;
        }

        return scope.Keep(ops.Concat(collected));                                                        // [B, L, 3 D]
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose() => _weights.Dispose();

    private static (int Batch, int Frames) Check(Shape fbank)
    {
        if (fbank.Rank != 3 || fbank[2] != BeatsConfig.MelBins)
            throw new ShapeException($"BEATs: features are {fbank}, wanted [B, F, {BeatsConfig.MelBins}].");
        if (fbank[1] < BeatsConfig.PatchSize)
        {
            throw new AudioTokenException(
                3401,
                $"The sound is too short for BEATs: {fbank[1]} feature frames, wanted at least {BeatsConfig.PatchSize}.",
                "16 frames of 25 ms, 10 ms apart, are 175 ms of sound: 2800 samples at 16 kHz.");
        }

        return (fbank[0], fbank[1]);
    }
}
