using System.Text.Json;
using AudioToken.Weights;

namespace AudioToken.Cli.Inspection;

/// <summary>A model: its components, what they are, and where they came from.</summary>
internal sealed class ModelInspection(ModelFiles files, bool list, bool verify) : IInspection
{
    // What tells one configuration from another.
    private static readonly Dictionary<ModelComponent, string[]> s_tellingKeys = new()
    {
        [ModelComponent.Beats] = ["encoder_layers", "encoder_embed_dim", "encoder_attention_heads", "layer_norm_first", "deep_norm"],
        [ModelComponent.Text] = ["num_hidden_layers", "hidden_size", "num_attention_heads", "hidden_act"],
        [ModelComponent.Unet] = ["sample_size", "block_out_channels", "layers_per_block", "cross_attention_dim", "attention_head_dim"],
        [ModelComponent.Vae] = ["block_out_channels", "latent_channels", "scaling_factor"],
    };

    private readonly FiniteCheck _check = new();

    private static readonly string[] s_schedulerKeys = ["_class_name", "prediction_type", "beta_schedule", "beta_start", "beta_end", "num_train_timesteps"];

    public bool HasFaults => _check.HasFaults;

    public IEnumerable<string> Lines()
    {
        yield return $"{files.Name}: {Kind}";
        if (files.Note is { } note)
            yield return $"  note: {note}";
        foreach ((ModelComponent component, TensorSummary? summary) in Components())
        {
            yield return $"  {Label(component)}: {summary?.ToString() ?? "not there"}";
            if (summary is null)
                continue;
            if (s_tellingKeys.TryGetValue(component, out string[]? keys))
                yield return "    " + Short(files.ConfigJson(component), keys);
            foreach (string line in list ? summary.Lines("    ") : [])
                yield return line;
        }

        // They belong to the UNet and the text encoder: a part of a model may be without.
        if (files.Has(ModelComponent.Unet))
            yield return "  scheduler: " + Short(files.SchedulerConfigJson, s_schedulerKeys);
        if (files.Has(ModelComponent.Text))
            yield return "  tokenizer: " + string.Join(", ", TokenizerFiles());
        if (files.ProvenanceJson is { } provenance)
            yield return "  provenance: " + provenance;
        if (!verify)
            yield break;
        foreach (ModelSource source in Sources)
            yield return $"  sha256: {source.Sha256}  {source.Name}";
        if (!IsWhole)
            yield return "  sha256: of the whole only, and parts are not there";
        foreach (string line in _check.Lines())
            yield return "  " + line;
    }

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("kind", files is ModelBundle ? "bundle" : "folder");
        json.WriteString("file", files.Name);
        json.WriteString("note", files.Note);
        json.WriteStartObject("components");
        foreach ((ModelComponent component, TensorSummary? summary) in Components())
        {
            if (summary is null)
                continue;
            json.WriteStartObject(Label(component));
            summary.WriteTo(json, list);
            if (s_tellingKeys.ContainsKey(component))
                WriteJson(json, "config", files.ConfigJson(component));
            json.WriteEndObject();
        }

        json.WriteEndObject();
        if (files.Has(ModelComponent.Unet))
            WriteJson(json, "scheduler", files.SchedulerConfigJson);
        json.WriteStartArray("tokenizer");
        foreach (string name in TokenizerFiles())
            json.WriteStringValue(name);
        json.WriteEndArray();
        if (files.ProvenanceJson is { } provenance)
            WriteJson(json, "provenance", provenance);
        if (!verify)
            return;
        json.WriteStartArray("sources");
        foreach (ModelSource source in Sources)
        {
            json.WriteStartObject();
            json.WriteString("name", source.Name);
            json.WriteNumber("bytes", source.Length);
            json.WriteString("sha256", source.Sha256);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        _check.WriteTo(json);
    }

    public void Dispose() => files.Dispose();

    private string Kind => files is ModelBundle ? "model bundle" : "model folder in diffusers' layout";

    private bool IsWhole => Enum.GetValues<ModelComponent>().All(component => component == ModelComponent.Lora || files.Has(component));

    private IReadOnlyList<ModelSource> Sources => IsWhole ? files.Sources : [];

    private static string Label(ModelComponent component) => BundleFormat.Prefix(component)[..^1];

    private IEnumerable<(ModelComponent Component, TensorSummary? Summary)> Components()
    {
        foreach (ModelComponent component in Enum.GetValues<ModelComponent>())
        {
            if (files.Has(component))
                yield return (component, Summarise(component));
            else if (component != ModelComponent.Lora)
                yield return (component, null);
        }
    }

    private TensorSummary Summarise(ModelComponent component)
    {
        TensorSummary summary = new();
        using TensorCollection tensors = files.Open(component);
        if (verify)
            _check.Add(tensors, BundleFormat.Prefix(component));
        foreach (string name in tensors.Names.Order(StringComparer.Ordinal))
        {
            if (tensors.Find(name) is { } source)
                summary.Add(name, source.DType.ToString(), [.. Enumerable.Range(0, source.Shape.Rank).Select(axis => (long)source.Shape[axis])]);
        }

        return summary;
    }

    private IEnumerable<string> TokenizerFiles() => ModelFiles.TokenizerFileNames.Where(name => files.FindTokenizerFile(name) is not null);

    private static string Short(string config, string[] keys)
    {
        using JsonDocument document = JsonDocument.Parse(config);
        return string.Join(", ", from key in keys
                                 where document.RootElement.TryGetProperty(key, out _)
                                 let value = document.RootElement.GetProperty(key)
                                 select $"{key.TrimStart('_')} {Short(value)}");
    }

    private static string Short(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Array => $"[{string.Join(", ", value.EnumerateArray().Select(Short))}]",
        JsonValueKind.Object => "{…}",
        _ => value.GetRawText(),
    };

    private static void WriteJson(Utf8JsonWriter json, string name, string value)
    {
        using JsonDocument document = JsonDocument.Parse(value);
        json.WritePropertyName(name);
        document.RootElement.WriteTo(json);
    }
}
