using System.Globalization;
using System.Text.Json;

namespace AudioToken.Models;

/// <summary>Reads one model's settings from JSON; an absent or null setting has its default, a wrong one is an error that names it.</summary>
internal readonly struct ConfigReader
{
    /// <summary>The largest width, table or kernel that is believed: four times what the largest model here has.</summary>
    public const int MaxExtent = 1 << 18;

    private readonly string _model;
    private readonly JsonElement _json;

    public ConfigReader(string model, JsonElement json)
    {
        _model = model;
        _json = json;
        if (json.ValueKind != JsonValueKind.Object)
            throw new ModelConfigException(model, "(root)", Shorten(json.GetRawText()), "an object of settings");
    }

    public int Int(string key, int fallback, int min = 1, int max = MaxExtent)
    {
        if (Find(key) is not { } value)
            return fallback;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= min && number <= max
            ? number
            : throw Unsupported(key, string.Create(CultureInfo.InvariantCulture, $"an integer from {min} to {max}"));
    }

    public double Number(string key, double fallback)
    {
        if (Find(key) is not { } value)
            return fallback;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number > 0 && double.IsFinite(number)
            ? number
            : throw Unsupported(key, "a number above 0");
    }

    public bool Bool(string key, bool fallback) => Find(key)?.ValueKind switch
    {
        null => fallback,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Unsupported(key, "true or false"),
    };

    public int[] Ints(string key, int[] fallback)
    {
        if (Find(key) is not { } value)
            return fallback;
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is 0 or > 16)
            throw Unsupported(key, "a list of 1 to 16 integers");
        int[] numbers = new int[value.GetArrayLength()];
        for (int i = 0; i < numbers.Length; i++)
        {
            if (value[i].ValueKind != JsonValueKind.Number || !value[i].TryGetInt32(out numbers[i]) || numbers[i] is < 1 or > MaxExtent)
                throw Unsupported(key, string.Create(CultureInfo.InvariantCulture, $"a list of integers from 1 to {MaxExtent}"));
        }

        return numbers;
    }

    /// <summary>One integer for all levels, or a list of one for each.</summary>
    public int[] IntOrInts(string key, int fallback, int count)
    {
        if (Find(key) is not { ValueKind: JsonValueKind.Array })
        {
            int[] same = new int[count];
            Array.Fill(same, Int(key, fallback));
            return same;
        }

        int[] each = Ints(key, []);
        return each.Length == count ? each : throw Unsupported(key, string.Create(CultureInfo.InvariantCulture, $"one integer or a list of {count}"));
    }

    /// <summary>A list of names, one a level, each among those supported.</summary>
    public string[] Names(string key, string[] fallback, int count, params ReadOnlySpan<string> supported)
    {
        string wanted = string.Create(CultureInfo.InvariantCulture, $"a list of {count}, each {List(supported)}");
        string[] names = fallback;
        if (Find(key) is { } value)
        {
            if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > 16)
                throw Unsupported(key, wanted);
            names = new string[value.GetArrayLength()];
            for (int i = 0; i < names.Length; i++)
                names[i] = value[i].ValueKind == JsonValueKind.String ? value[i].GetString()! : throw Unsupported(key, wanted);
        }

        foreach (string name in names)
        {
            if (!supported.Contains(name))
                throw Unsupported(key, wanted);
        }

        return names.Length == count ? names : throw Unsupported(key, wanted);
    }

    /// <summary>A name among those supported.</summary>
    public string Name(string key, string fallback, params ReadOnlySpan<string> supported)
    {
        if (Find(key) is not { } value)
            return fallback;
        return value.ValueKind == JsonValueKind.String && supported.Contains(value.GetString()!)
            ? value.GetString()!
            : throw Unsupported(key, List(supported));
    }

    /// <summary>Refuses any other value than those listed (as JSON text; none listed: the setting must be absent or null).</summary>
    public void Only(string key, params ReadOnlySpan<string> supported)
    {
        if (Find(key) is { } value && !supported.Contains(value.GetRawText()))
            throw Unsupported(key, supported.IsEmpty ? "absent or null" : List(supported));
    }

    public ModelConfigException Unsupported(string key, string supported) =>
        new(_model, key, Find(key) is { } value ? Shorten(value.GetRawText()) : "absent", supported);

    private JsonElement? Find(string key) =>
        _json.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string List(ReadOnlySpan<string> names) => string.Join(" or ", names!);

    private static string Shorten(string text) => text.Length <= 120 ? text : $"{text.AsSpan(0, 117)}...";
}
