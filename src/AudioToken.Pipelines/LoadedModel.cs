using System.Globalization;
using System.Text.Json;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Models.Vae;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Pipelines;

/// <summary>All components of a model on one backend, fitting one another.</summary>
internal sealed class LoadedModel : IDisposable
{
    // Stable Diffusion without a size of its own draws at this side.
    private const int UsualLatentSide = 64;

    private readonly Stack<IDisposable> _owned = new();
    private readonly Action<ModelComponent>? _onLoaded;
    private readonly Task<string?> _hash;

    private LoadedModel(ModelFiles files, ITensorOps ops, LoadOptions options, Action<ModelComponent>? onLoaded)
    {
        _onLoaded = onLoaded;
        if (!float.IsFinite(options.LoraScale))
        {
            throw new AudioTokenException(
                2022, string.Create(CultureInfo.InvariantCulture, $"the LoRA scale is {options.LoraScale}, wanted a finite number"), "1 is as trained, 0 leaves it out");
        }

        try
        {
            // Small things first: what does not fit is found before gigabytes are read.
            files.RequireWhole();
            Tokenizer = ClipTokenizer.Load(new TokenizerFiles(files.Name, files.FindTokenizerFile));
            PlaceholderId = Tokenizer.AddPlaceholder(GenerationRequest.Placeholder);
            Scheduler = SchedulerConfig.Parse(files.SchedulerConfigJson).ForStableDiffusion();
            BeatsConfig beats = Parse(files, ModelComponent.Beats, BeatsConfig.Parse);
            ClipTextConfig text = Parse(files, ModelComponent.Text, ClipTextConfig.Parse);
            UnetConfig unet = Parse(files, ModelComponent.Unet, UnetConfig.Parse);
            VaeConfig vae = Parse(files, ModelComponent.Vae, VaeConfig.Parse);
            Fit(files.Name, "the UNet attends to", unet.ContextWidth, "the text encoder gives", text.Width);
            RequireStableDiffusion(files.Name, unet, vae, text);

            bool lora = options.LoraScale != 0 && files.Has(ModelComponent.Lora);
            Beats = Load(files, ModelComponent.Beats, tensors => BeatsEncoder.Load(ops, tensors, beats));
            Embedder = Load(files, ModelComponent.Embedder, tensors => FgaEmbedder.Load(ops, tensors));
            Fit(files.Name, "the embedder takes", Embedder.Config.InputWidth, "BEATs gives", beats.OutputWidth);
            Fit(files.Name, "the embedder gives", Embedder.Config.OutputWidth, "the text encoder takes", text.Width);
            Text = Load(files, ModelComponent.Text, tensors => ClipTextModel.Load(ops, tensors, text));
            Unet = Load(files, ModelComponent.Unet, tensors => lora ? LoadWithLora(files, ops, tensors, unet, options.LoraScale) : UnetModel.Load(ops, tensors, unet));
            Vae = Load(files, ModelComponent.Vae, tensors => VaeDecoder.Load(ops, tensors, vae));
            Info = new ModelInfo(
                files.Name, files.Note, (unet.SampleSize > 0 ? unet.SampleSize : UsualLatentSide) * vae.Downscale, text.Width, SamplerKinds.OfClass(Scheduler.ClassName), lora);
            // Reading gigabytes for a name can go on beside the first picture.
            _hash = options.HashModel ? Task.Run<string?>(() => files.ContentHash) : Task.FromResult<string?>(null);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ModelInfo Info { get; }

    public ClipTokenizer Tokenizer { get; }

    /// <summary>The id that stands for the sound.</summary>
    public int PlaceholderId { get; }

    public SchedulerConfig Scheduler { get; }

    public BeatsEncoder Beats { get; }

    public FgaEmbedder Embedder { get; }

    public ClipTextModel Text { get; }

    public UnetModel Unet { get; }

    public VaeDecoder Vae { get; }

    /// <summary>SHA-256 of the model's files, or null if nobody wants it or they have gone meanwhile; waits for it.</summary>
    /// <exception cref="OperationCanceledException">Cancelled before it was there.</exception>
    public string? Hash(CancellationToken cancellation)
    {
        try
        {
            return _hash.WaitAsync(cancellation).GetAwaiter().GetResult();
        }
        catch (AudioTokenException)
        {
            return null; // a picture is worth more than the name of its model
        }
    }

    /// <summary>Loads every component strictly, and tells of each once it is there.</summary>
    /// <exception cref="AudioTokenException">A component is missing, misshapen, of a kind that is not supported, or does not fit the others.</exception>
    public static LoadedModel Load(ModelFiles files, ITensorOps ops, LoadOptions options, Action<ModelComponent>? onLoaded = null) =>
        new(files, ops, options, onLoaded);

    /// <summary>Frees all weights.</summary>
    public void Dispose()
    {
        while (_owned.TryPop(out IDisposable? component))
            component.Dispose();
    }

    /// <summary>A component's configuration, parsed.</summary>
    public static TConfig Parse<TConfig>(ModelFiles files, ModelComponent component, Func<JsonElement, TConfig> parse)
    {
        using JsonDocument json = JsonDocument.Parse(files.ConfigJson(component));
        return parse(json.RootElement);
    }

    private static void Fit(string model, string taker, int taken, string giver, int given)
    {
        if (taken == given)
            return;
        throw new AudioTokenException(
            4120, $"{model}: {taker} {taken} channels, but {giver} {given}",
            "768 belongs to Stable Diffusion 1.x, 1024 to 2.x: take all components from one family");
    }

    // What the rest of the pipeline takes for granted: four latent channels at an eighth of the picture's size, three colours, 77 tokens.
    private static void RequireStableDiffusion(string model, UnetConfig unet, VaeConfig vae, ClipTextConfig text)
    {
        ReadOnlySpan<(string What, int Found, int Wanted)> facts =
        [
            ("channels that the UNet takes", unet.InChannels, GenerationPlan.LatentChannels),
            ("channels that the UNet gives", unet.OutChannels, GenerationPlan.LatentChannels),
            ("channels of the VAE's latents", vae.LatentChannels, GenerationPlan.LatentChannels),
            ("channels of the VAE's pictures", vae.ImageChannels, 3),
            ("pixels of the VAE for one of its latents", vae.Downscale, GenerationPlan.VaeFactor),
            ("positions of the text encoder", text.MaxPositions, ClipTokenizer.ContextLength),
        ];
        foreach ((string what, int found, int wanted) in facts)
        {
            if (found != wanted)
            {
                throw new AudioTokenException(
                    4121, $"{model}: {what}: {found}, wanted {wanted}", "take a text-to-image model of the family of Stable Diffusion 1.x or 2.x; others are not supported");
            }
        }
    }

    private static UnetModel LoadWithLora(ModelFiles files, ITensorOps ops, TensorCollection tensors, UnetConfig config, float scale)
    {
        using TensorCollection lora = files.Open(ModelComponent.Lora);
        using LowRankTensors merged = new(tensors, lora, scale, leaveOpen: true);
        return UnetModel.Load(ops, merged, config);
    }

    private TComponent Load<TComponent>(ModelFiles files, ModelComponent component, Func<TensorCollection, TComponent> load)
        where TComponent : IDisposable
    {
        using TensorCollection tensors = files.Open(component);
        TComponent loaded = load(tensors);
        _owned.Push(loaded);
        _onLoaded?.Invoke(component);
        return loaded;
    }
}
