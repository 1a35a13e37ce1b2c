using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A model in the folder layout of HuggingFace diffusers, with BEATs, embedder and LoRA as safetensors files beside it or elsewhere.</summary>
/// <remarks>
/// A component's weights are looked for as <c>W.variant.safetensors</c>, <c>W.safetensors.index.variant.json</c> (if a variant is to be
/// preferred), then <c>W.safetensors</c>, <c>W.safetensors.index.json</c>, then the variants <c>fp16</c> and <c>bf16</c>, where W is
/// <c>diffusion_pytorch_model</c> or, for the text encoder, <c>model</c>. BEATs, embedder and LoRA that the options do not name are looked
/// for as <c>beats.safetensors</c>, <c>embedder.safetensors</c> and <c>lora.safetensors</c> in the folder. A
/// <see cref="ComponentReader"/> of the options can add formats: its endings are looked for after these.
/// </remarks>
public sealed class DiffusersFolder : ModelFiles
{
    private const string Index = "model_index.json";

    // What diffusers and transformers write into a component's folder; files beside it come from other programs.
    private static readonly string[] s_folderEndings = [".safetensors", ".bin"];

    private readonly string _folder;

    private DiffusersFolder(string folder, ModelFilesOptions options)
        : base(options.Name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), options) => _folder = folder;

    /// <inheritdoc/>
    public override string SchedulerConfigJson => ReadJson("scheduler", "scheduler_config.json");

    /// <summary>Opens a folder that holds a <c>model_index.json</c>.</summary>
    /// <exception cref="AudioTokenException">It holds none, or it is not JSON.</exception>
    public static new DiffusersFolder Open(string folder, ModelFilesOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        DiffusersFolder model = new(folder, options ?? new ModelFilesOptions());
        if (!File.Exists(Path.Combine(folder, Index)))
        {
            throw new WeightFileException(ErrorCode.MissingComponent, model.Name,
                $"the folder has no {Index}, so it is not a model in diffusers' layout; looked for '{Path.Combine(folder, Index)}'.",
                "Name the folder that holds unet/, vae/ and text_encoder/, or a bundle file.");
        }

        _ = SmallFile.ReadJson(Path.Combine(folder, Index), Index);
        return model;
    }

    /// <inheritdoc/>
    public override byte[]? FindTokenizerFile(string name)
    {
        string path = Path.Combine(_folder, "tokenizer", name);
        return File.Exists(path) ? SmallFile.Read(path, $"tokenizer/{name}") : null;
    }

    /// <inheritdoc/>
    protected override bool HasOwn(ModelComponent component) => Candidates(component).Any(relative => File.Exists(Path.Combine(_folder, relative)));

    /// <inheritdoc/>
    protected override TensorCollection OpenOwn(ModelComponent component)
    {
        string relative = Locate(component);
        string path = Path.Combine(_folder, relative);
        return relative.EndsWith(".json", StringComparison.Ordinal)
            ? Options.Reader.OpenShards(path, component, relative)
            : Options.Reader.Open(path, component, relative);
    }

    /// <inheritdoc/>
    protected override string OwnConfigJson(ModelComponent component) =>
        component == ModelComponent.Beats ? BeatsConfig(Path.Combine(_folder, Locate(component))) : ReadJson(SubFolder(component)!, "config.json");

    /// <inheritdoc/>
    protected override IEnumerable<(string Path, string Name)> SourcePaths()
    {
        foreach (ModelComponent component in Enum.GetValues<ModelComponent>())
        {
            if (Options.PathOf(component) is { } given)
            {
                yield return (given, Path.GetFileName(given));
                continue;
            }

            if (!HasOwn(component))
                continue; // whoever needs it says that it is missing
            string relative = Locate(component);
            string path = Path.Combine(_folder, relative);
            yield return (path, relative);
            if (!relative.EndsWith(".json", StringComparison.Ordinal))
                continue;
            foreach (string shard in ShardedTensors.ShardPaths(path, relative))
                yield return (shard, $"{SubFolder(component)}/{Path.GetFileName(shard)}");
        }
    }

    private static string? SubFolder(ModelComponent component) => component switch
    {
        ModelComponent.Unet => "unet",
        ModelComponent.Vae => "vae",
        ModelComponent.Text => "text_encoder",
        _ => null,
    };

    private IEnumerable<string> Candidates(ModelComponent component)
    {
        // What was asked for goes before what is plain; half precision is taken where nothing else is there.
        string[] variants = [.. ((string[])[Options.Variant ?? "", "", "fp16", "bf16"]).Distinct()];
        foreach (string ending in Options.Reader.Endings)
        {
            if (SubFolder(component) is not null && !s_folderEndings.Contains(ending))
                continue;
            foreach (string candidate in Candidates(component, ending, variants))
                yield return candidate;
        }
    }

    private static IEnumerable<string> Candidates(ModelComponent component, string ending, string[] variants)
    {
        if (SubFolder(component) is not { } folder)
        {
            yield return $"{BundleFormat.Prefix(component)[..^1]}{ending}";
            yield break;
        }

        // transformers names its pickles otherwise than its safetensors files.
        string weights = $"{folder}/{(component != ModelComponent.Text ? "diffusion_pytorch_model" : ending == ".safetensors" ? "model" : "pytorch_model")}";
        foreach (string variant in variants)
        {
            yield return variant.Length == 0 ? $"{weights}{ending}" : $"{weights}.{variant}{ending}";
            yield return variant.Length == 0 ? $"{weights}{ending}.index.json" : $"{weights}{ending}.index.{variant}.json";
        }
    }

    // The file to read, relative to the folder, with '/' on every system: it goes into messages and provenance.
    private string Locate(ModelComponent component)
    {
        List<string> candidates = [.. Candidates(component)];
        if (candidates.Find(relative => File.Exists(Path.Combine(_folder, relative))) is { } found)
            return found;
        if (candidates.Find(relative => new FileInfo(Path.Combine(_folder, relative)).LinkTarget is not null) is { } dangling)
            throw FileErrors.CannotRead(Path.Combine(_folder, dangling), new FileNotFoundException());
        string tried = string.Join("", candidates.Select(relative => $"\n  tried: {Path.Combine(_folder, relative)}"));
        if (Pickle(component) is { } pickle)
        {
            throw new WeightFileException(ErrorCode.MissingComponent, Name,
                $"{component} is there as '{pickle}' only, a PyTorch pickle, which is not read here.{tried}", "Convert it to safetensors first.");
        }

        throw new WeightFileException(ErrorCode.MissingComponent, Name, $"{component} is missing.{tried}",
            component is ModelComponent.Beats or ModelComponent.Embedder ? "It is a file of its own: name it, or put it there." : "Download the missing file.");
    }

    private string? Pickle(ModelComponent component)
    {
        string weights = component switch
        {
            ModelComponent.Text => "text_encoder/pytorch_model",
            ModelComponent.Unet or ModelComponent.Vae => $"{SubFolder(component)}/diffusion_pytorch_model",
            _ => BundleFormat.Prefix(component)[..^1],
        };
        string[] endings = [".bin", ".pt", ".ckpt", ".bin.index.json", $".{Options.Variant}.bin"];
        return endings.Select(ending => weights + ending).FirstOrDefault(relative => File.Exists(Path.Combine(_folder, relative)));
    }

    private string ReadJson(string subFolder, string file)
    {
        string path = Path.Combine(_folder, subFolder, file);
        return File.Exists(path)
            ? SmallFile.ReadJson(path, $"{subFolder}/{file}")
            : throw new WeightFileException(ErrorCode.MissingComponent, Name, $"the configuration '{subFolder}/{file}' is missing.\n  tried: {path}", "Download the missing file.");
    }
}
