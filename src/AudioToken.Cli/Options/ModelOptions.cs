using System.CommandLine;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using AudioToken.WeightsConverter.Hub;

namespace AudioToken.Cli.Options;

/// <summary>Which model, and where its parts lie.</summary>
internal sealed class ModelOptions(Terminal terminal)
{
    private readonly Option<string?> _model = new("--model", "-m")
    {
        Description = "a bundle, a folder in diffusers' layout, or org/name[@revision] in the HuggingFace cache; default: the demonstration model beside the program [AUDIOTOKEN_MODEL]",
        HelpName = "BUNDLE|FOLDER|org/name",
    };

    private readonly Option<string?> _beats = new("--beats") { Description = "BEATs, as published (.pt) or as safetensors, where the model does not hold it", HelpName = "FILE" };
    private readonly Option<string?> _embedder = new("--embedder") { Description = "the embedder, as AudioToken's training writes it (.bin) or as safetensors, where the model does not hold it", HelpName = "FILE" };
    private readonly Option<string?> _lora = new("--lora") { Description = "a LoRA for the UNet, .bin or safetensors", HelpName = "FILE" };
    private readonly Option<float?> _loraScale = Checked.Number("--lora-scale", [], "strength of the model's LoRA, if it has one (default 1; 0 leaves it out)", -10f, 10f, "X");

    /// <summary>Adds the options; those of <paramref name="parts"/> only where the whole model is used.</summary>
    public void AddTo(Command command, bool parts = true)
    {
        command.Options.Add(_model);
        if (!parts)
            return;
        command.Options.Add(_beats);
        command.Options.Add(_embedder);
        command.Options.Add(_lora);
        command.Options.Add(_loraScale);
    }

    /// <summary>Opens what was named; nothing large is read yet.</summary>
    /// <exception cref="AudioTokenException">It is no model, or there is none (4501).</exception>
    /// <param name="parsed">The command line.</param>
    /// <param name="embedder">An embedder to take in place of the one named there.</param>
    /// <param name="lora">Likewise a LoRA.</param>
    public ModelFiles Open(ParseResult parsed, string? embedder = null, string? lora = null) => Opener(parsed, embedder, lora)();

    /// <summary>What <see cref="Open"/> does, for another thread: the command line has been read.</summary>
    /// <inheritdoc cref="Open"/>
    public Func<ModelFiles> Opener(ParseResult parsed, string? embedder = null, string? lora = null)
    {
        string path = PathOf(parsed);
        ModelFilesOptions options = new()
        {
            Name = HubId.Named(path)?.ToString(),
            BeatsPath = parsed.GetValue(_beats), EmbedderPath = embedder ?? parsed.GetValue(_embedder), LoraPath = lora ?? parsed.GetValue(_lora),
            Reader = new AnyFormat(),
        };
        return () => ModelFiles.Open(HubCache.FromEnvironment(terminal.Variable).Locate(path), options);
    }

    /// <summary>Begins to open and load what was named.</summary>
    /// <param name="parsed">The command line, which is read before this returns.</param>
    /// <param name="device">What computes.</param>
    /// <param name="hash">Whether pictures are to tell of the model's content.</param>
    /// <exception cref="AudioTokenException">The name is empty, or there is no model.</exception>
    public ModelLoading Load(ParseResult parsed, ComputeDevice device, bool hash = false) => Loader(parsed, device, hash)();

    /// <summary>What <see cref="Load"/> does, for later.</summary>
    /// <inheritdoc cref="Load"/>
    public Func<ModelLoading> Loader(ParseResult parsed, ComputeDevice device, bool hash)
    {
        Func<ModelFiles> open = Opener(parsed);
        LoadOptions options = LoadOptions(parsed) with { HashModel = hash };
        return () => new ModelLoading(open, device, options);
    }

    /// <summary>Choices made when it is loaded.</summary>
    public LoadOptions LoadOptions(ParseResult parsed) => new() { LoraScale = parsed.GetValue(_loraScale) ?? 1 };

    /// <summary>True if the command line names a model.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_model) is not null;

    /// <summary>True if none is named, so that the demonstration model is taken.</summary>
    public bool IsDemonstration(ParseResult parsed) => Named(parsed) is null;

    /// <summary>True if the command line names a file for the embedder.</summary>
    public bool NamesEmbedder(ParseResult parsed) => parsed.GetValue(_embedder) is not null;

    /// <summary>The path that is read.</summary>
    public string PathOf(ParseResult parsed)
    {
        string? named = Named(parsed);
        if (named is { Length: > 0 })
            return named;
        if (named is not null)
            throw new AudioTokenException(ErrorCode.Usage, "the model's name is empty", "-m BUNDLE or -m FOLDER, or leave it out for the demonstration model");
        string demo = Path.Combine(terminal.DemoFolder, "demo.safetensors");
        return File.Exists(demo) ? demo : throw new AudioTokenException(
            ErrorCode.NoModel, $"no model is named, and the demonstration model is not there: {demo}", "-m BUNDLE or -m FOLDER");
    }

    private string? Named(ParseResult parsed) => parsed.GetValue(_model) ?? terminal.Set("AUDIOTOKEN_MODEL");

    /// <summary>Tells which model it is, and plainly if it is not one to be judged by its pictures.</summary>
    public static void Tell(ModelFiles files, Messages messages) => messages.Note($"model: {files.Name}{(files.Note is { } note ? $" ({note})" : "")}");
}
