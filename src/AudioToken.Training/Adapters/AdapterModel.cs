using System.Text.Json;
using AudioToken.Models.Clip;
using AudioToken.Models.Fga;
using AudioToken.Models.Unet;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Training.Optimisation;
using AudioToken.Weights;

namespace AudioToken.Training.Adapters;

/// <summary>What AudioToken trains: the embedder and, if wanted, a LoRA, between a frozen text encoder and a frozen UNet.</summary>
public sealed class AdapterModel : IDisposable
{
    private readonly Stack<IDisposable> _owned = new();
    private readonly Dictionary<string, LowRankPair> _lora = [];
    private readonly List<Parameter> _parameters = [];
    private readonly ClipTokenizer _tokenizer;
    private readonly float[] _tokenRows = [];

    private AdapterModel(ModelFiles files, IGradientOps ops, AdapterSettings settings, TensorCollection? embedder)
    {
        Ops = ops;
        Settings = settings;
        try
        {
            _tokenizer = ClipTokenizer.Load(new TokenizerFiles(files.Name, files.FindTokenizerFile));
            PlaceholderId = _tokenizer.AddPlaceholder(GenerationRequest.Placeholder);
            PromptIds = [.. _tokenizer.EncodePadded(settings.Prompt).Ids];
            SchedulerConfig scheduler = SchedulerConfig.Parse(files.SchedulerConfigJson).ForStableDiffusion();
            Schedule = scheduler.GetNoiseSchedule();
            Prediction = scheduler.Prediction ?? PredictionType.Epsilon;

            ParameterOps trained = new(ops, _ => true);
            using (TensorCollection? own = embedder is null ? files.Open(ModelComponent.Embedder) : null)
            {
                Embedder = Own(FgaEmbedder.Load(trained, embedder ?? own!));
                Add(ModelComponent.Embedder, trained, embedder ?? own);
            }

            using (TensorCollection tensors = files.Open(ModelComponent.Text))
            {
                Text = Own(ClipTextModel.Load(ops, tensors, Parse(files, ModelComponent.Text, ClipTextConfig.Parse)));
                if (settings.LabelPenalty > 0)
                    _tokenRows = tensors.Find(ClipTextModel.TokenTable)!.ReadAll();
            }

            using (TensorCollection tensors = files.Open(ModelComponent.Unet))
            {
                Unet = Own(UnetModel.Load(new ParameterOps(ops, _ => false), tensors, Parse(files, ModelComponent.Unet, UnetConfig.Parse)));
                if (settings.LoraRank > 0)
                    AddLora(tensors, files.Has(ModelComponent.Lora) ? files : null);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The backend.</summary>
    public IGradientOps Ops { get; }

    /// <summary>What is trained.</summary>
    public AdapterSettings Settings { get; }

    /// <summary>All that is trained: <c>embedder.</c> and <c>lora.</c> under their published names.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The embedder.</summary>
    public FgaEmbedder Embedder { get; }

    /// <summary>The text encoder.</summary>
    public ClipTextModel Text { get; }

    /// <summary>The UNet.</summary>
    public UnetModel Unet { get; }

    /// <summary>The noise levels.</summary>
    public NoiseSchedule Schedule { get; }

    /// <summary>What the UNet predicts.</summary>
    public PredictionType Prediction { get; }

    /// <summary>The training prompt, padded.</summary>
    public IReadOnlyList<int> PromptIds { get; }

    /// <summary>The id that stands for the sound.</summary>
    public int PlaceholderId { get; }

    /// <summary>Loads a model for training.</summary>
    /// <param name="files">The model; its LoRA, if it has one and one is trained, is where training begins.</param>
    /// <param name="ops">The backend on which the weights shall lie.</param>
    /// <param name="settings">What is trained.</param>
    /// <param name="embedder">Tensors of the embedder from which training begins, or null for the model's own.</param>
    /// <exception cref="AudioTokenException">A component is missing, misshapen or does not fit.</exception>
    public static AdapterModel Load(ModelFiles files, IGradientOps ops, AdapterSettings settings, TensorCollection? embedder = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(settings);
        return new AdapterModel(files, ops, settings, embedder);
    }

    /// <summary>The operations with the LoRA between them.</summary>
    public ITensorOps WithLora(ITensorOps ops) => _lora.Count == 0 ? ops : new LowRankOps(ops, _lora, Settings.LoraScale);

    /// <summary>Token ids of a label, without begin and end of text.</summary>
    public IReadOnlyList<int> Tokens(string label) => _tokenizer.Encode(label);

    /// <summary>Embedded labels: of each the mean of its tokens' rows in the text encoder's table, [B, Dt].</summary>
    /// <param name="labels">Token ids of each.</param>
    /// <exception cref="InvalidOperationException">The settings have no penalty for labels, so the table was not kept.</exception>
    public float[] Embedded(IReadOnlyList<IReadOnlyList<int>> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (_tokenRows.Length == 0)
            throw new InvalidOperationException("Labels are embedded only where AdapterSettings.LabelPenalty is above 0.");
        int width = Text.Config.Width;
        float[] embedded = new float[labels.Count * width];
        for (int b = 0; b < labels.Count; b++)
        {
            foreach (int id in labels[b])
            {
                for (int c = 0; c < width; c++)
                    embedded[(b * width) + c] += _tokenRows[(id * width) + c] / labels[b].Count;
            }
        }

        return embedded;
    }

    /// <summary>Writes the parameters of a component under their published names and shapes: a file for <c>--embedder</c> or <c>--lora</c>.</summary>
    public void Save(ModelComponent component, string path)
    {
        string prefix = BundleFormat.Prefix(component);
        SafetensorsWriter writer = new();
        foreach (Parameter parameter in _parameters.Where(parameter => parameter.Name.StartsWith(prefix, StringComparison.Ordinal)))
            writer.Add(parameter.Name[prefix.Length..], parameter.FileShape, parameter.Values);
        writer.Save(path);
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        while (_owned.TryPop(out IDisposable? part))
            part.Dispose();
    }

    private void AddLora(TensorCollection unet, ModelFiles? given)
    {
        using TensorCollection? begun = given?.Open(ModelComponent.Lora);
        ParameterOps trained = new(Ops, _ => true);
        foreach (string name in unet.Names.Order(StringComparer.Ordinal))
        {
            if (LowRankNames.Of(name, Settings.LoraTargets) is not { } names)
                continue;
            Shape shape = unet.Find(name)!.Shape;
            (Shape down, Shape up) = ([Settings.LoraRank, shape[1]], [shape[0], Settings.LoraRank]);
            _lora.Add(name, new LowRankPair(
                Own(trained.LoadWeight(Begin(begun, names.Down, down) ?? LowRankNames.FreshDown(names.Down, down, Settings.Seed), WeightRole.Linear)),
                Own(trained.LoadWeight(Begin(begun, names.Up, up) ?? new ArrayWeightSource(names.Up, up, new float[up.Count]), WeightRole.Linear))));
        }

        Add(ModelComponent.Lora, trained, null);
    }

    private void Add(ModelComponent component, ParameterOps trained, TensorCollection? file)
    {
        foreach (Parameter parameter in trained.Parameters)
        {
            Shape shape = file?.Find(parameter.Name)?.Shape ?? parameter.Shape;
            _parameters.Add(parameter with { Name = BundleFormat.Prefix(component) + parameter.Name, FileShape = shape });
        }
    }

    private static WeightSource? Begin(TensorCollection? begun, string name, Shape shape)
    {
        if (begun?.Find(name) is not { } source)
            return null;
        return source.Shape == shape ? source : throw new WeightFileException(
            4112, begun.Description, $"'{name}' is {source.Shape}, wanted {shape}.", "Train with the rank that the LoRA has, or begin without it.");
    }

    private static TConfig Parse<TConfig>(ModelFiles files, ModelComponent component, Func<JsonElement, TConfig> parse)
    {
        using JsonDocument json = JsonDocument.Parse(files.ConfigJson(component));
        return parse(json.RootElement);
    }

    private TPart Own<TPart>(TPart part)
        where TPart : IDisposable
    {
        _owned.Push(part);
        return part;
    }
}
