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
    private readonly Task<string?> _hash;

    private LoadedModel(ModelFiles files, ITensorOps ops, LoadOptions options)
    {
        // Reading gigabytes for a name can go on beside everything else.
        _hash = options.HashModel ? Task.Run<string?>(() => files.ContentHash) : Task.FromResult<string?>(null);
        // Small things first: what does not fit is found before gigabytes are read.
        Tokenizer = ClipTokenizer.Load(new TokenizerFiles(files.Name, files.FindTokenizerFile));
        PlaceholderId = Tokenizer.AddPlaceholder(GenerationRequest.Placeholder);
        Scheduler = SchedulerConfig.Parse(files.SchedulerConfigJson).ForStableDiffusion();
        BeatsConfig beats = Parse(files, ModelComponent.Beats, BeatsConfig.Parse);
        ClipTextConfig text = Parse(files, ModelComponent.Text, ClipTextConfig.Parse);
        UnetConfig unet = Parse(files, ModelComponent.Unet, UnetConfig.Parse);
        VaeConfig vae = Parse(files, ModelComponent.Vae, VaeConfig.Parse);
        Fit(files.Name, "the UNet attends to", unet.ContextWidth, "the text encoder gives", text.Width);
        Fit(files.Name, "the UNet's latents have", unet.InChannels, "the VAE's have", vae.LatentChannels);

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
    public string? Hash()
    {
        try
        {
            return _hash.GetAwaiter().GetResult();
        }
        catch (AudioTokenException)
        {
            return null; // a picture is worth more than the name of its model
        }
    }

    /// <summary>Loads every component strictly.</summary>
    /// <exception cref="AudioTokenException">A component is missing, misshapen, of a kind that is not supported, or does not fit the others.</exception>
    public static LoadedModel Load(ModelFiles files, ITensorOps ops, LoadOptions options) => new(files, ops, options);

    /// <summary>Frees all weights.</summary>
    public void Dispose()
    {
        while (_owned.TryPop(out IDisposable? component))
            component.Dispose();
    }

    private static TConfig Parse<TConfig>(ModelFiles files, ModelComponent component, Func<JsonElement, TConfig> parse)
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

    private static UnetModel LoadWithLora(ModelFiles files, ITensorOps ops, TensorCollection tensors, UnetConfig config, float scale)
    {
        using TensorCollection lora = files.Open(ModelComponent.Lora);
        using LowRankTensors merged = new(tensors, lora, scale, leaveOpen: true);
        return UnetModel.Load(ops, merged, config);
    }

    private TComponent Load<TComponent>(ModelFiles files, ModelComponent component, Func<TensorCollection, TComponent> load)
        where TComponent : IDisposable
    {
        try
        {
            using TensorCollection tensors = files.Open(component);
            TComponent loaded = load(tensors);
            _owned.Push(loaded);
            return loaded;
        }
        catch
        {
            Dispose();
            throw;
        }
    }
}
