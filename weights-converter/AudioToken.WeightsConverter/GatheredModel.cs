using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Weights;
using AudioToken.WeightsConverter.Configs;
using AudioToken.WeightsConverter.Hub;
using AudioToken.WeightsConverter.Layouts;

namespace AudioToken.WeightsConverter;

/// <summary>A model put together from whatever there is: folders, single files, parts; in any format and layout that is read here.</summary>
/// <remarks>Components are told by content. Configurations come with the files, from a folder named for it, or from the tensors' shapes;
/// <see cref="Notes"/> says where something was inferred or set right.</remarks>
public sealed class GatheredModel : ModelFiles
{
    private readonly AnyFormat _reader;
    private readonly ModelRequest _request;
    private readonly Dictionary<ModelComponent, Part> _parts = [];
    private readonly ModelFiles? _model;
    private readonly ModelFiles? _config;
    private readonly List<string> _notes = [];
    private readonly Dictionary<ModelComponent, string> _configs = [];
    private IReadOnlyList<ModelSource>? _allSources;

    private GatheredModel(ModelRequest request, HubCache cache, string name)
        : base(name, new ModelFilesOptions())
    {
        _request = request;
        _reader = new AnyFormat { Averaged = request.Averaged };
        if (request.Prediction is { } prediction)
            RequirePrediction(prediction, "the prediction type");
        try
        {
            _model = AddModel(request, cache);
            _config = request.Config is { } config ? OpenFolder(cache.Locate(config)) : null;
            AddPart(ModelComponent.Beats, request.Beats, cache);
            AddPart(ModelComponent.Embedder, request.Embedder, cache);
            AddPart(ModelComponent.Lora, request.Lora, cache);
            if (request.Vae is { } vae)
                AddVae(cache.Locate(vae));
            CheckLora(request);
            foreach (ModelComponent component in Components)
                _configs.Add(component, ResolveConfig(component));
            if (HasScheduler && request.Prediction is null && FindScheduler(_model) is null && FindScheduler(_config) is null)
                _notes.Add($"{Name} has no scheduler: it is taken for one whose UNet predicts noise; if it predicts velocity (Stable Diffusion 2.1 does), --prediction-type v_prediction");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What was inferred, or set right where files contradict each other; a sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The components there are.</summary>
    public IEnumerable<ModelComponent> Components => Enum.GetValues<ModelComponent>().Where(HasOwn);

    /// <summary>True if no part is of a folder or a bundle, which come with a tokenizer.</summary>
    public bool IsSingleFile => _model is null;

    /// <summary>True if a scheduler's configuration came with the model, or can be told.</summary>
    public bool HasScheduler => HasOwn(ModelComponent.Unet);

    /// <inheritdoc/>
    /// <remarks>What the UNet predicts decides how a picture is drawn from it, so a type that is not known is refused here already.</remarks>
    public override string SchedulerConfigJson
    {
        get
        {
            string? own = FindScheduler(_model) ?? FindScheduler(_config);
            if (own is null)
                return UsualSettings.Scheduler(_request.Prediction ?? "epsilon").ToJsonString();
            using JsonDocument json = JsonDocument.Parse(own);
            if (json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("prediction_type", out JsonElement type))
                RequirePrediction(type.ToString(), $"{Name}: the scheduler's prediction_type");
            return own;
        }
    }

    /// <inheritdoc/>
    /// <remarks>The model's own files, but for a VAE that another one stands in for; then the parts.</remarks>
    public override IReadOnlyList<ModelSource> Sources => _allSources ??=
        [.. (_model?.Sources ?? []).Where(source => !_parts.ContainsKey(ModelComponent.Vae) || !source.Name.StartsWith("vae/", StringComparison.Ordinal)), .. base.Sources];

    /// <inheritdoc/>
    public override string? ProvenanceJson => _model?.ProvenanceJson;

    /// <inheritdoc/>
    public override string? Note => _model?.Note;

    /// <summary>Puts a model together; nothing large is read yet.</summary>
    /// <param name="request">What from.</param>
    /// <param name="cache">Where repositories are looked for.</param>
    /// <exception cref="AudioTokenException">A part cannot be read, is something else, or contradicts itself.</exception>
    public static GatheredModel Open(ModelRequest request, HubCache cache)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(cache);
        string? first = request.Model ?? request.Beats ?? request.Embedder ?? request.Vae ?? request.Lora;
        return first is null
            ? throw new AudioTokenException(2602, "nothing is named to convert", "audiotoken convert --model FOLDER --beats FILE --embedder FILE -o model.safetensors")
            : new GatheredModel(request, cache, HubId.Named(first)?.ToString() ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(first))));
    }

    /// <inheritdoc/>
    public override byte[]? FindTokenizerFile(string name)
    {
        // All of a tokenizer's files come from one place: two vocabularies do not mix.
        ModelFiles? source = _model?.FindTokenizerFile("merges.txt") is not null ? _model : _config;
        return source?.FindTokenizerFile(name);
    }

    /// <inheritdoc/>
    protected override bool HasOwn(ModelComponent component) => (_parts.ContainsKey(component) && !IsMerged(component)) || (_model?.Has(component) ?? false);

    /// <inheritdoc/>
    protected override TensorCollection OpenOwn(ModelComponent component)
    {
        if (IsMerged(component))
            return _model!.Open(component);
        TensorCollection tensors = OpenPlain(component);
        if (_request.LoraScale is not { } scale || component is not (ModelComponent.Unet or ModelComponent.Text))
            return tensors;
        try
        {
            return LoraMerge.Into(tensors, OpenPlain(ModelComponent.Lora), component, scale);
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override string OwnConfigJson(ModelComponent component) => _configs[component];

    /// <inheritdoc/>
    protected override IEnumerable<(string Path, string Name)> SourcePaths()
    {
        foreach (Part part in _parts.Values.DistinctBy(part => part.Path))
            yield return (part.Path, Path.GetFileName(part.Path));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _model?.Dispose();
        _config?.Dispose();
        base.Dispose(disposing);
    }

    // A LoRA that was named with a strength goes into the weights; one that lies in a bundle stays there.
    private bool IsMerged(ModelComponent component) => component == ModelComponent.Lora && _request.LoraScale is not null;

    private TensorCollection OpenPlain(ModelComponent component) => _parts.TryGetValue(component, out Part? part)
        ? part.Open()
        : _model?.Open(component) ?? throw new WeightFileException(Layouts.ErrorCode.Missing, Name, $"{component} is missing.", "Name its file.");

    // A folder or a bundle stays a whole; of a single file each component becomes a part.
    private ModelFiles? AddModel(ModelRequest request, HubCache cache)
    {
        if (request.Model is null)
            return null;
        string path = cache.Locate(request.Model);
        if (Directory.Exists(path))
            return OpenFolder(path);
        using TensorCollection file = _reader.OpenWhole(path);
        if (file.Metadata.GetValueOrDefault(BundleFormat.FormatKey) == BundleFormat.Format)
            return ModelBundle.Open(path);
        IReadOnlyList<ModelComponent> held = CheckpointParts.Of(file);
        if (held.Count == 0)
            throw new WeightFileException(Layouts.ErrorCode.Component, file.Description, "the file holds no component that is known here.", "'audiotoken inspect FILE' lists its tensors.");
        foreach (ModelComponent component in held)
            _parts.Add(component, new Part(path, () => CheckpointParts.Open(_reader.OpenWhole(path), component), component == ModelComponent.Beats ? file.Metadata.GetValueOrDefault("cfg") : null));
        return null;
    }

    private void AddPart(ModelComponent component, string? given, HubCache cache)
    {
        if (given is null)
            return;
        string path = cache.Locate(given);
        using TensorCollection file = _reader.OpenWhole(path);
        using TensorCollection tensors = CheckpointParts.Open(file, component, leaveOpen: true);
        string? config = file.Metadata.GetValueOrDefault("cfg") ?? file.Metadata.GetValueOrDefault(BundleFormat.ConfigKey(component));
        _parts[component] = new Part(path, () => _reader.Open(path, component), config);
    }

    private void AddVae(string path)
    {
        string? config = null;
        if (Directory.Exists(path))
        {
            // The folder of a VAE alone, or of a whole model.
            string folder = Directory.Exists(Path.Combine(path, "vae")) ? Path.Combine(path, "vae") : path;
            string json = Path.Combine(folder, "config.json");
            config = File.Exists(json) ? File.ReadAllText(json) : null;
            path = _reader.Endings.Select(ending => Path.Combine(folder, "diffusion_pytorch_model" + ending)).FirstOrDefault(File.Exists)
                ?? throw new WeightFileException(Layouts.ErrorCode.Missing, Path.GetFileName(path), "the folder has no diffusion_pytorch_model.safetensors or .bin, so no VAE is in it.", "Name the VAE's file itself.");
        }

        string file = path;
        using TensorCollection check = _reader.Open(file, ModelComponent.Vae);
        _parts[ModelComponent.Vae] = new Part(file, () => _reader.Open(file, ModelComponent.Vae), config);
    }

    // A LoRA kept beside must fit as well as one that is merged: better said now than at the first picture.
    private void CheckLora(ModelRequest request)
    {
        if (request.Lora is null)
            return;
        if (request.LoraScale is { } scale)
            _notes.Add(FormattableString.Invariant($"LoRA {Path.GetFileName(_parts[ModelComponent.Lora].Path)} is merged at {scale}"));
        else if (HasOwn(ModelComponent.Unet))
            new LowRankTensors(OpenPlain(ModelComponent.Unet), OpenPlain(ModelComponent.Lora)).Dispose();
    }

    private string ResolveConfig(ModelComponent component)
    {
        if (component is ModelComponent.Embedder or ModelComponent.Lora)
            return "{}";
        bool part = _parts.TryGetValue(component, out Part? own);
        if (component == ModelComponent.Beats && part)
        {
            using TensorCollection beats = own!.Open();
            return own.Config ?? BeatsShapes.InferConfig(beats);
        }

        string? given = part ? own!.Config ?? (_config is not null && _config.Has(component) ? _config.ConfigJson(component) : null) : _model!.ConfigJson(component);
        using TensorCollection tensors = OpenPlain(component);
        return component == ModelComponent.Beats ? given! : ConfigReconciler.Reconcile(component, tensors, given, _notes);
    }

    private DiffusersFolder OpenFolder(string path) => DiffusersFolder.Open(path, new ModelFilesOptions { Variant = _request.Variant, Reader = _reader });

    private static string? FindScheduler(ModelFiles? files)
    {
        try
        {
            return files?.SchedulerConfigJson;
        }
        catch (WeightFileException exception) when (exception.Code == MissingComponent)
        {
            return null;
        }
    }

    private const int MissingComponent = 4110;

    private static void RequirePrediction(string type, string what)
    {
        if (type is not ("epsilon" or "v_prediction"))
            throw new AudioTokenException(Layouts.ErrorCode.Config, $"{what} is '{PrintableName.Of(type)}', wanted epsilon or v_prediction", "only models that predict noise or velocity are supported");
    }

    private sealed record Part(string Path, Func<TensorCollection> Open, string? Config);
}
