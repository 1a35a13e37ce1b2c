using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Everything that makes a model, wherever it lies: tensors, configurations, tokenizer files.</summary>
/// <remarks>Collections that <see cref="Open(ModelComponent)"/> hands out are the caller's to dispose of, and must not outlive this object.</remarks>
public abstract class ModelFiles : IDisposable
{
    /// <summary>The tokenizer's files; the last may be absent.</summary>
    public static readonly IReadOnlyList<string> TokenizerFileNames =
        ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json", "added_tokens.json"];

    private IReadOnlyList<ModelSource>? _sources;
    private string? _contentHash;

    /// <summary>Describes a model.</summary>
    protected ModelFiles(string name, ModelFilesOptions options)
    {
        Name = name;
        Options = options;
    }

    /// <summary>Base name of the folder or file.</summary>
    public string Name { get; }

    /// <summary>The scheduler's configuration, as in <c>scheduler_config.json</c>.</summary>
    /// <exception cref="AudioTokenException">It is not there, or is not JSON.</exception>
    public abstract string SchedulerConfigJson { get; }

    /// <summary>Where the model came from, as JSON, or null if nobody wrote it down.</summary>
    public virtual string? ProvenanceJson => null;

    /// <summary>A word about the model for whoever uses it, e.g. that it is an untrained demonstration; or null.</summary>
    public virtual string? Note => null;

    /// <summary>The files it is read from, hashed at the first call: that reads all of them once.</summary>
    public virtual IReadOnlyList<ModelSource> Sources => _sources ??= [.. SourcePaths().Select(file => ModelSource.Read(file.Path, file.Name))];

    /// <summary>Lower-case SHA-256 of the one file the model is read from; of several, of their hashes in the order of <see cref="Sources"/>.</summary>
    public string ContentHash => _contentHash ??= Sources is [ModelSource only]
        ? only.Sha256
        : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(Sources.Select(source => source.Sha256)))));

    /// <summary>First ten digits of <see cref="ContentHash"/>: the "Model hash" of image metadata.</summary>
    public string ModelHash => ContentHash[..10];

    /// <summary>What was given beside the model's own path.</summary>
    protected ModelFilesOptions Options { get; }

    /// <summary>Opens a model: a folder in diffusers' layout, or a bundle. The content decides, not the name.</summary>
    /// <exception cref="AudioTokenException">It is neither; the message says what it is.</exception>
    public static ModelFiles Open(string path, ModelFilesOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Directory.Exists(path) ? DiffusersFolder.Open(path, options) : ModelBundle.Open(path, options);
    }

    /// <summary>True if the component can be opened.</summary>
    public bool Has(ModelComponent component) => Options.PathOf(component) is not null || HasOwn(component);

    /// <summary>The tensors of one component, under the names of its original checkpoint. The caller disposes of the collection.</summary>
    /// <exception cref="AudioTokenException">The component is absent, with every place that was looked at, or its file is bad.</exception>
    public TensorCollection Open(ModelComponent component) => Options.PathOf(component) is { } path ? Options.Reader.Open(path, component) : OpenOwn(component);

    /// <summary>The configuration of one component as JSON; <c>{}</c> for the embedder and the LoRA, whose shapes tell all.</summary>
    /// <exception cref="AudioTokenException">It is not there, or is not JSON.</exception>
    public string ConfigJson(ModelComponent component)
    {
        if (component is ModelComponent.Embedder or ModelComponent.Lora)
            return "{}";
        return Options.PathOf(component) is { } path ? BeatsConfig(path) : OwnConfigJson(component);
    }

    /// <summary>Refuses what is known to be a part of a model only; of other models each component says by itself that it is missing.</summary>
    /// <exception cref="AudioTokenException">Components are missing (4110), all of them named.</exception>
    public virtual void RequireWhole()
    {
    }

    /// <summary>A tokenizer file by its name, or null if the model has none of that name.</summary>
    public abstract byte[]? FindTokenizerFile(string name);

    /// <summary>A tokenizer file by its name.</summary>
    /// <exception cref="AudioTokenException">The model has none of that name (4110).</exception>
    public byte[] TokenizerFile(string name) => FindTokenizerFile(name)
        ?? throw new WeightFileException(ErrorCode.MissingComponent, Name, $"the tokenizer file '{name}' is missing.", "The folder 'tokenizer' of a diffusers model holds it.");

    /// <summary>Closes what was opened.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>True if the folder or bundle itself has the component.</summary>
    protected abstract bool HasOwn(ModelComponent component);

    /// <summary>Opens the folder's or bundle's own component.</summary>
    protected abstract TensorCollection OpenOwn(ModelComponent component);

    /// <summary>The folder's or bundle's own configuration.</summary>
    protected abstract string OwnConfigJson(ModelComponent component);

    /// <summary>Every file with tensors, with the name it goes by.</summary>
    protected abstract IEnumerable<(string Path, string Name)> SourcePaths();

    /// <summary>The files given in the options.</summary>
    protected IEnumerable<(string Path, string Name)> OptionPaths() =>
        from component in Enum.GetValues<ModelComponent>()
        let path = Options.PathOf(component)
        where path is not null
        select (path, Path.GetFileName(path));

    /// <summary>The configuration that a file of BEATs carries, or what its shapes tell.</summary>
    protected string BeatsConfig(string path)
    {
        using TensorCollection file = Options.Reader.Open(path, ModelComponent.Beats);
        string key = file.Metadata.ContainsKey("cfg") ? "cfg" : BundleFormat.ConfigKey(ModelComponent.Beats);
        if (!file.Metadata.TryGetValue(key, out string? config))
            return BeatsShapes.InferConfig(file);
        using JsonDocument json = SmallFile.ParseJson(Encoding.UTF8.GetBytes(config), $"{file.Description}, metadata '{key}'");
        return config;
    }

    /// <summary>Closes what was opened.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
