using System.Globalization;
using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.Inspection;

/// <summary>Looks at every floating-point value of some tensors for NaN and infinity.</summary>
internal sealed class FiniteCheck
{
    private readonly List<(string Name, TensorStatistics Statistics)> _faults = [];
    private readonly List<string> _unread = [];
    private long _values;

    /// <summary>True if a value was found that is not finite.</summary>
    public bool HasFaults => _faults.Count > 0;

    /// <summary>Looks through a collection.</summary>
    /// <param name="tensors">The tensors; those of types that are not read here are named as such.</param>
    /// <param name="prefix">What to put before their names.</param>
    public void Add(TensorCollection tensors, string prefix = "")
    {
        foreach (string name in tensors.Names)
        {
            WeightSource? source = Find(tensors, name);
            if (source is null)
            {
                _unread.Add(prefix + name);
                continue;
            }

            if (!source.DType.IsFloat())
                continue;
            TensorStatistics statistics = TensorStatistics.Of(source);
            _values += statistics.Count;
            if (statistics.NonFinite > 0)
                _faults.Add((prefix + name, statistics));
        }
    }

    /// <summary>For a person.</summary>
    public IEnumerable<string> Lines()
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"values: {_values:N0} looked at, {(HasFaults ? $"{_faults.Sum(fault => fault.Statistics.NonFinite):N0} are not finite:" : "all finite")}");
        foreach ((string name, TensorStatistics statistics) in _faults)
            yield return string.Create(CultureInfo.InvariantCulture, $"  {name}: {statistics.NonFinite:N0} of {statistics.Count:N0}, the first at index {statistics.FirstNonFinite}");
        foreach (string name in _unread)
            yield return $"  {name}: of a type that is not read here, not looked at";
    }

    /// <summary>The members <c>values</c>, <c>nonfinite</c> and <c>unread</c>.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteNumber("values", _values);
        json.WriteStartArray("nonfinite");
        foreach ((string name, TensorStatistics statistics) in _faults)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteNumber("count", statistics.NonFinite);
            json.WriteNumber("of", statistics.Count);
            json.WriteNumber("first", statistics.FirstNonFinite);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("unread");
        foreach (string name in _unread)
            json.WriteStringValue(name);
        json.WriteEndArray();
    }

    private static WeightSource? Find(TensorCollection tensors, string name)
    {
        try
        {
            return tensors.Find(name);
        }
        catch (WeightFileException)
        {
            return null; // an element type or rank that is listed only
        }
    }
}
