using System.Globalization;
using System.Text.Json;
using AudioToken.Weights;
using AudioToken.WeightsConverter;

namespace AudioToken.Cli.Inspection;

/// <summary>A file of tensors that is no bundle: safetensors, or what torch.save wrote.</summary>
internal sealed class TensorsInspection : IInspection
{
    private const int ShownText = 300;

    private readonly TensorCollection _file;
    private readonly TensorFileFacts _facts;
    private readonly bool _list;
    private readonly TensorSummary _summary = new();
    private readonly string? _architecture;
    private readonly FiniteCheck? _check;
    private readonly string? _sha256;

    private TensorsInspection(TensorCollection file, TensorFileFacts facts, bool list, bool verify)
    {
        (_file, _facts, _list) = (file, facts, list);
        foreach ((string name, string type, IReadOnlyList<long> extents) in facts.Tensors)
            _summary.Add(name, type, extents);
        _architecture = CheckpointArchitecture.Describe(facts.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Extents));
        if (!verify)
            return;
        _sha256 = ModelSource.Read(facts.Path, file.Description).Sha256;
        _check = new FiniteCheck();
        _check.Add(file);
    }

    public bool HasFaults => _check is { HasFaults: true };

    /// <summary>Inspects an open file and owns it from now on.</summary>
    public static TensorsInspection Of(TensorCollection file, bool list, bool verify)
    {
        try
        {
            return new TensorsInspection(file, TensorFileFacts.Of(file), list, verify);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public IEnumerable<string> Lines()
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"{_file.Description}: {_facts.Title}, {_facts.Length:N0} bytes: {_summary}");
        yield return $"  architecture: {_architecture ?? "none that is known here"}";
        if (_facts.StateKey is { } key)
            yield return $"  tensors under: {key}";
        if (_facts.Globals.Count > 0)
            yield return $"  globals: {string.Join("; ", _facts.Globals)}";
        foreach ((string name, string value) in _facts.Metadata)
            yield return $"  {name}: {(value.Length > ShownText ? value[..ShownText] + "…" : value).Replace('\n', ' ')}";
        if (_sha256 is not null)
            yield return $"  sha256: {_sha256}";
        foreach (string line in _check?.Lines() ?? [])
            yield return "  " + line;
        foreach (string line in _list ? _summary.Lines("  ") : [])
            yield return line;
    }

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("kind", _facts.Kind);
        json.WriteString("file", _file.Description);
        json.WriteNumber("bytes", _facts.Length);
        json.WriteString("architecture", _architecture);
        _summary.WriteTo(json, _list);
        if (_facts.Kind != TensorFileFacts.Safetensors)
        {
            json.WriteString("state_key", _facts.StateKey);
            json.WriteStartArray("globals");
            foreach (string global in _facts.Globals)
                json.WriteStringValue(global);
            json.WriteEndArray();
        }

        json.WriteStartObject("metadata");
        foreach ((string name, string value) in _facts.Metadata)
        {
            json.WritePropertyName(name);
            if (_facts.Kind == TensorFileFacts.Safetensors)
                json.WriteStringValue(value);
            else
                json.WriteRawValue(value);
        }

        json.WriteEndObject();
        if (_sha256 is not null)
            json.WriteString("sha256", _sha256);
        _check?.WriteTo(json);
    }

    public void Dispose() => _file.Dispose();
}
