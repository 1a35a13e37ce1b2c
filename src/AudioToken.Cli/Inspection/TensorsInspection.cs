using System.Globalization;
using System.Text.Json;
using AudioToken.Weights;

namespace AudioToken.Cli.Inspection;

/// <summary>Any safetensors file.</summary>
internal sealed class TensorsInspection : IInspection
{
    private const int ShownMetadata = 300;

    private readonly SafetensorsFile _file;
    private readonly bool _list;
    private readonly TensorSummary _summary = new();

    public TensorsInspection(SafetensorsFile file, bool list)
    {
        (_file, _list) = (file, list);
        foreach (StoredTensor tensor in file.Tensors)
            _summary.Add(tensor.Name, tensor.TypeName, tensor.Extents);
    }

    public IEnumerable<string> Lines()
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"{_file.Description}: safetensors file, {_file.Length:N0} bytes: {_summary}");
        foreach ((string key, string value) in _file.Metadata)
            yield return $"  {key}: {(value.Length > ShownMetadata ? value[..ShownMetadata] + "…" : value).Replace('\n', ' ')}";
        if (!_list)
            yield break;
        foreach (string line in _summary.Lines("  "))
            yield return line;
    }

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("kind", "safetensors");
        json.WriteString("file", _file.Description);
        json.WriteNumber("bytes", _file.Length);
        _summary.WriteTo(json, _list);
        json.WriteStartObject("metadata");
        foreach ((string key, string value) in _file.Metadata)
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    public void Dispose() => _file.Dispose();
}
