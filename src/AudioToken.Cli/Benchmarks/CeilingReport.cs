using System.Globalization;
using System.Text.Json;
using AudioToken.Bench;

namespace AudioToken.Cli.Benchmarks;

/// <summary>What <c>bench ceilings</c> tells.</summary>
internal static class CeilingReport
{
    public static IEnumerable<string> Lines(IReadOnlyList<Ceiling> ceilings) => ceilings.Select(ceiling => string.Create(
        CultureInfo.InvariantCulture, $"{ceiling.Name,-22} {(ceiling.Value is { } value ? value.ToString("0.0", CultureInfo.InvariantCulture) : "-"),10} {ceiling.Unit,-8}  {ceiling.Note}"));

    public static void Write(Utf8JsonWriter json, IReadOnlyList<Ceiling> ceilings)
    {
        json.WriteStartArray("ceilings");
        foreach (Ceiling ceiling in ceilings)
        {
            json.WriteStartObject();
            json.WriteString("name", ceiling.Name);
            BenchJson.Write(json, "value", ceiling.Value);
            json.WriteString("unit", ceiling.Unit);
            json.WriteString("note", ceiling.Note);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
