using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter;

/// <summary>Puts all of a model into one bundle file (<see cref="BundleFormat"/>).</summary>
/// <remarks>Same files under the same names, same settings: same bytes, wherever and whenever it is built. The target is replaced when the new
/// bundle is whole and on the disk, not before. Needs little memory: tensors are copied a piece at a time.</remarks>
public sealed class BundleBuilder
{
    private const string Converter = "audiotoken-converter";

    /// <summary>How floating-point tensors are stored; integers stay as they are.</summary>
    public DTypePolicy Policy { get; init; }

    /// <summary>A word to whoever uses the bundle, e.g. <c>untrained demonstration model</c>; the source's own if null.</summary>
    public string? Note { get; init; }

    /// <summary>True: components that the model has not are left out, for a bundle that is to be joined with others; BEATs alone, for example.</summary>
    public bool AllowMissing { get; init; }

    /// <summary>What was inferred or set right on the way; kept in the provenance.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>True: NaN and infinity are copied; false: they are refused before anything is written.</summary>
    public bool AllowNonFinite { get; init; }

    /// <summary>Writes a bundle.</summary>
    /// <param name="model">The model; BEATs, embedder, text encoder, UNet and VAE must be there unless <see cref="AllowMissing"/>, a LoRA may be.</param>
    /// <param name="path">The target.</param>
    /// <param name="progress">Told of each tensor as it is checked, then of the bytes as they are written.</param>
    /// <param name="cancellationToken">Ends the work between two tensors.</param>
    /// <exception cref="AudioTokenException">A part is missing or bad, a value is not finite or does not fit the type, or writing failed.</exception>
    public void Build(ModelFiles model, string path, IProgress<BuildProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafetensorsWriter writer = new();
        List<TensorCollection> opened = [];
        try
        {
            foreach (ModelComponent component in Enum.GetValues<ModelComponent>())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if ((AllowMissing || component == ModelComponent.Lora) && !model.Has(component))
                    continue;
                TensorCollection tensors = model.Open(component);
                opened.Add(tensors);
                foreach (WeightSource source in tensors.Names.Select(name => tensors.Find(name)!))
                    writer.Add(source, source.DType.IsFloat() ? Target : null, BundleFormat.Prefix(component) + source.Name);
                if (component is not (ModelComponent.Embedder or ModelComponent.Lora))
                    writer.SetMetadata(BundleFormat.ConfigKey(component), model.ConfigJson(component));
            }

            if (!AllowMissing || model.Has(ModelComponent.Text))
                AddTokenizer(writer, model);
            writer.SetMetadata(BundleFormat.FormatKey, BundleFormat.Format);
            writer.SetMetadata(BundleFormat.VersionKey, BundleFormat.Version);
            if (!AllowMissing || model.Has(ModelComponent.Unet))
                writer.SetMetadata(BundleFormat.SchedulerKey, model.SchedulerConfigJson);
            // Small things first: a full disk is found before gigabytes are read.
            AtomicFile.Prepare(path, writer.DataLength);
            // Hashing and checking read everything once each: side by side.
            Task<string> provenance = Task.Run(() => Provenance(model), cancellationToken);
            if (!AllowNonFinite)
                opened.ForEach(tensors => RequireFinite(tensors, progress, cancellationToken));
            writer.SetMetadata(BundleFormat.ProvenanceKey, provenance.GetAwaiter().GetResult());
            if ((Note ?? model.Note) is { } note)
                writer.SetMetadata(BundleFormat.NoteKey, note);
            cancellationToken.ThrowIfCancellationRequested();
            writer.Save(path, new Written(progress, cancellationToken));
        }
        finally
        {
            foreach (TensorCollection tensors in opened)
                tensors.Dispose();
        }
    }

    private static void AddTokenizer(SafetensorsWriter writer, ModelFiles model)
    {
        foreach (string name in ModelFiles.TokenizerFileNames)
        {
            // A tokenizer cannot do without this one; the ids are those of its lines where no vocabulary says otherwise.
            byte[]? content = name == "merges.txt" ? model.TokenizerFile(name) : model.FindTokenizerFile(name);
            if (content is not null)
                writer.Add(BundleFormat.TokenizerPrefix + name, content);
        }
    }

    private DType? Target => Policy switch
    {
        DTypePolicy.F32 => DType.F32,
        DTypePolicy.F16 => DType.F16,
        DTypePolicy.BF16 => DType.BF16,
        _ => null,
    };

    private static void RequireFinite(TensorCollection tensors, IProgress<BuildProgress>? progress, CancellationToken cancellationToken)
    {
        foreach (string name in tensors.Names)
        {
            cancellationToken.ThrowIfCancellationRequested();
            WeightSource source = tensors.Find(name)!;
            if (!source.DType.IsFloat())
                continue;
            progress?.Report(new BuildProgress($"checking {name} of {tensors.Description}", 0, 0));
            TensorStatistics statistics = TensorStatistics.Of(source);
            if (statistics.NonFinite == 0)
                continue;
            throw new WeightFileException(4108, tensors.Description, FormattableString.Invariant(
                $"tensor '{source.Name}' holds {statistics.NonFinite} values of {statistics.Count} that are not finite, the first at index {statistics.FirstNonFinite}."),
                "A checkpoint damaged in training or in its conversion to half precision: take another one, or allow it if you know better.");
        }
    }

    // No time, no paths, no machine: only what the result depends on.
    private string Provenance(ModelFiles model)
    {
        using MemoryStream memory = new();
        using (Utf8JsonWriter json = new(memory, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("converter", Converter);
            json.WriteString("version", typeof(BundleBuilder).Assembly.GetName().Version?.ToString(3));
            json.WriteString("dtype", Policy.ToString().ToLowerInvariant());
            json.WriteString("model", model.Name);
            json.WriteStartArray("sources");
            foreach (ModelSource source in model.Sources)
            {
                json.WriteStartObject();
                json.WriteString("name", source.Name);
                json.WriteNumber("bytes", source.Length);
                json.WriteString("sha256", source.Sha256);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (Notes.Count > 0)
            {
                json.WriteStartArray("notes");
                foreach (string note in Notes)
                    json.WriteStringValue(note);
                json.WriteEndArray();
            }

            if (model.ProvenanceJson is { } earlier)
                json.WriteString("earlier", earlier); // as text: nothing says that somebody else's is JSON
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }

    private sealed class Written(IProgress<BuildProgress>? progress, CancellationToken cancellationToken) : IProgress<WriteProgress>
    {
        public void Report(WriteProgress value)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new BuildProgress($"writing {value.Tensor}", value.Written, value.Total));
        }
    }
}
