using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>Takes the text of a shape apart: fields of extents between commas, then words.</summary>
internal sealed class CaseText(string operation, string text, string form, string example)
{
    private const int MaxExtent = 1 << 24;
    private readonly List<string> _fields = [.. text.Split(',', StringSplitOptions.TrimEntries)];

    /// <summary>Takes the next field, so many extents with an 'x' between them.</summary>
    public int[] Extents(string name, int count)
    {
        string[] extents = Field(name).Split('x');
        return extents.Length == count ? [.. extents.Select(extent => Extent(extent, name))] : throw Refused($"{name} has {extents.Length} extents, wanted {count}");
    }

    /// <summary>Takes the next field, of which the last extent may be a sum of two: the channels of two sources.</summary>
    public (int[] Extents, int Skip) ExtentsAndSkip(string name, int count)
    {
        int plus = _fields.Count == 0 ? -1 : _fields[0].IndexOf('+', StringComparison.Ordinal);
        if (plus < 0)
            return (Extents(name, count), 0);
        int skip = Extent(_fields[0][(plus + 1)..], name);
        _fields[0] = _fields[0][..plus];
        return (Extents(name, count), skip);
    }

    /// <summary>Takes a word if it is there.</summary>
    public bool Takes(string word) => _fields.Remove(word);

    /// <summary>Takes a word with extents after it if it is there, e.g. <c>up128x128</c>; zeros where it is not.</summary>
    public int[] Takes(string word, int count) => Finds(word) ? Extents(word, count) : new int[count];

    /// <summary>Takes a word with one extent or a sum of two after it if it is there, e.g. <c>shortcut640+320</c>; zeros where it is not.</summary>
    public (int Extent, int Skip) TakesWithSkip(string word)
    {
        if (!Finds(word))
            return default;
        (int[] extents, int skip) = ExtentsAndSkip(word, 1);
        return (extents[0], skip);
    }

    // Makes what follows a word the next field.
    private bool Finds(string word)
    {
        int at = _fields.FindIndex(field => field.StartsWith(word, StringComparison.Ordinal) && field.Length > word.Length && char.IsAsciiDigit(field[word.Length]));
        if (at < 0)
            return false;
        string extents = _fields[at][word.Length..];
        _fields.RemoveAt(at);
        _fields.Insert(0, extents);
        return true;
    }

    /// <summary>Refuses what nobody took.</summary>
    public void End()
    {
        if (_fields.Count > 0)
            throw Refused($"'{_fields[0]}' is not a part of it");
    }

    /// <summary>The error for this text.</summary>
    public AudioTokenException Refused(string why) =>
        new(BenchErrors.Shape, $"--shape is '{text}', wanted {form} for {operation}: {why}", $"--op {operation} --shape {example}");

    private string Field(string name)
    {
        if (_fields.Count == 0 || _fields[0].Length == 0)
            throw Refused($"{name} is missing");
        string field = _fields[0];
        _fields.RemoveAt(0);
        return field;
    }

    private int Extent(string extent, string name) =>
        int.TryParse(extent, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value is >= 1 and <= MaxExtent
            ? value
            : throw Refused($"'{extent}' in {name} is not a whole number from 1 to {MaxExtent}");
}
