using System.Text;
using System.Text.Json;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A model in one safetensors file; <see cref="BundleFormat"/> tells its layout.</summary>
public sealed class ModelBundle : ModelFiles
{
    private readonly SafetensorsFile _file;

    private ModelBundle(SafetensorsFile file, ModelFilesOptions options)
        : base(options.Name ?? Path.GetFileName(file.Path), options) => _file = file;

    /// <inheritdoc/>
    public override string SchedulerConfigJson => Json(BundleFormat.SchedulerKey);

    /// <inheritdoc/>
    public override string? ProvenanceJson => _file.Metadata.GetValueOrDefault(BundleFormat.ProvenanceKey);

    /// <inheritdoc/>
    public override string? Note => _file.Metadata.GetValueOrDefault(BundleFormat.NoteKey);

    /// <summary>The file's metadata, whole.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _file.Metadata;

    /// <summary>Opens a bundle.</summary>
    /// <exception cref="WeightFileException">The file is something else (4101, 4111), or breaks a rule.</exception>
    public static new ModelBundle Open(string path, ModelFilesOptions? options = null)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        try
        {
            Check(file);
            return new ModelBundle(file, options ?? new ModelFilesOptions());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void RequireWhole()
    {
        string[] missing = [.. Enum.GetValues<ModelComponent>().Where(component => component != ModelComponent.Lora && !Has(component)).Select(component => component.ToString())];
        if (missing.Length > 0)
        {
            throw new WeightFileException(ErrorCode.MissingComponent, Name, $"the bundle has no {string.Join(", ", missing)}; it is a part of a model.",
                $"Join the parts: audiotoken convert --model {Name} … -o whole.safetensors; BEATs and embedder can also be named with --beats and --embedder.");
        }
    }

    /// <inheritdoc/>
    public override byte[]? FindTokenizerFile(string name)
    {
        string full = BundleFormat.TokenizerPrefix + name;
        if (_file.Find(full) is not { } stored)
            return null;
        return stored.DType == DType.U8
            ? _file.ReadBytes(full)
            : throw new WeightFileException(ErrorCode.Bundle, Name, $"'{full}' is {stored.DType} {stored.Shape}, wanted U8: the bytes of a file.", "Build the bundle again.");
    }

    /// <inheritdoc/>
    protected override bool HasOwn(ModelComponent component)
    {
        string prefix = BundleFormat.Prefix(component);
        return _file.Names.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));
    }

    /// <inheritdoc/>
    protected override TensorCollection OpenOwn(ModelComponent component) => HasOwn(component)
        ? RenamedTensors.Under(_file, BundleFormat.Prefix(component), leaveOpen: true)
        : throw new WeightFileException(ErrorCode.MissingComponent, Name,
            $"the bundle has no {component}: no tensor's name begins with '{BundleFormat.Prefix(component)}'.", "Build the bundle again with all its parts, or name the file of this one.");

    /// <inheritdoc/>
    protected override string OwnConfigJson(ModelComponent component) => Json(BundleFormat.ConfigKey(component));

    /// <inheritdoc/>
    protected override IEnumerable<(string Path, string Name)> SourcePaths() => [(_file.Path, Name), .. OptionPaths()];

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _file.Dispose();
        base.Dispose(disposing);
    }

    private static void Check(SafetensorsFile file)
    {
        string? format = file.Metadata.GetValueOrDefault(BundleFormat.FormatKey);
        if (format != BundleFormat.Format)
        {
            bool singleFile = file.Names.Any(name => name.StartsWith("model.diffusion_model.", StringComparison.Ordinal));
            throw new WeightFileException(ErrorCode.Bundle, file.Description,
                (singleFile ? "this is a single-file Stable Diffusion checkpoint, not a bundle" : "this is a safetensors file, but not a bundle")
                + $": its metadata '{BundleFormat.FormatKey}' is {(format is null ? "absent" : WeightFileException.Quote(format))}, wanted '{BundleFormat.Format}'.",
                "'audiotoken convert --model FILE' makes a bundle of any copy of the weights.");
        }

        string? version = file.Metadata.GetValueOrDefault(BundleFormat.VersionKey);
        if (version != BundleFormat.Version)
        {
            throw new WeightFileException(ErrorCode.Bundle, file.Description,
                $"the bundle has version {(version is null ? "none" : WeightFileException.Quote(version))}, this library reads version {BundleFormat.Version}.", "Made by a newer AudioToken.Native? Update, or build the bundle again.");
        }
    }

    private string Json(string key)
    {
        if (!_file.Metadata.TryGetValue(key, out string? text))
            throw new WeightFileException(ErrorCode.MissingComponent, Name, $"the bundle's metadata has no '{key}'.", "Build the bundle again.");
        using JsonDocument json = SmallFile.ParseJson(Encoding.UTF8.GetBytes(text), $"{Name}, metadata '{key}'");
        return text;
    }
}
