using System.Text.Json;

namespace AudioToken.Cli.Benchmarks;

/// <summary>Numbers in the JSON of measurements: rounded, and null where nothing was measured.</summary>
internal static class BenchJson
{
    public static void Write(Utf8JsonWriter json, string name, double? value)
    {
        // Six significant digits: more is noise.
        if (value is { } number && double.IsFinite(number))
            json.WriteNumber(name, number == 0 ? 0 : Math.Round(number, Math.Clamp(5 - (int)Math.Floor(Math.Log10(Math.Abs(number))), 0, 15)));
        else
            json.WriteNull(name);
    }

    public static void Write(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
        else
            json.WriteNull(name);
    }
}
