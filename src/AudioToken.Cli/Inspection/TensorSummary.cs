using System.Globalization;
using System.Text.Json;

namespace AudioToken.Cli.Inspection;

/// <summary>Number, parameters and types of some tensors.</summary>
internal sealed class TensorSummary
{
    private readonly List<(string Name, string Type, IReadOnlyList<long> Extents)> _tensors = [];
    private readonly SortedDictionary<string, int> _types = new(StringComparer.Ordinal);

    /// <summary>Values of all tensors together.</summary>
    public long Parameters { get; private set; }

    public void Add(string name, string type, IReadOnlyList<long> extents)
    {
        _tensors.Add((name, type, extents));
        _types[type] = _types.GetValueOrDefault(type) + 1;
        Parameters = checked(Parameters + extents.Aggregate(1L, (count, extent) => checked(count * extent)));
    }

    /// <summary>E.g. <c>686 tensors, 859,520,964 parameters, F32</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{_tensors.Count:N0} tensor{(_tensors.Count == 1 ? "" : "s")}, {Parameters:N0} parameter{(Parameters == 1 ? "" : "s")}, {(_types.Count == 0 ? "no types" : string.Join(", ", _types.Count == 1 ? _types.Keys : _types.Select(type => $"{type.Key} x {type.Value}")))}");

    /// <summary>A line a tensor.</summary>
    public IEnumerable<string> Lines(string indent) => _tensors.Select(tensor => $"{indent}{tensor.Name}  {tensor.Type} [{string.Join(", ", tensor.Extents)}]");

    /// <summary>Members of an object.</summary>
    public void WriteTo(Utf8JsonWriter json, bool list)
    {
        json.WriteNumber("tensor_count", _tensors.Count);
        json.WriteNumber("parameters", Parameters);
        json.WriteStartObject("dtypes");
        foreach ((string type, int count) in _types)
            json.WriteNumber(type, count);
        json.WriteEndObject();
        if (!list)
            return;
        json.WriteStartArray("tensors");
        foreach ((string name, string type, IReadOnlyList<long> extents) in _tensors)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("dtype", type);
            json.WriteStartArray("shape");
            foreach (long extent in extents)
                json.WriteNumberValue(extent);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
