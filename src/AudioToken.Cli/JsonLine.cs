using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AudioToken.Cli;

/// <summary>JSON on standard output: one object, one line.</summary>
internal static class JsonLine
{
    // It goes to a pipe or a file, not into a web page: '<*>' stays readable.
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(Stream output, Action<Utf8JsonWriter> fields)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, s_options))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        output.Write(buffer.WrittenSpan);
        output.Flush();
    }

    /// <summary>The member <c>outputs</c> of files of which the path is all there is to tell.</summary>
    public static void WriteOutputs(Utf8JsonWriter json, params IEnumerable<string> paths)
    {
        json.WriteStartArray("outputs");
        foreach (string path in paths)
        {
            json.WriteStartObject();
            json.WriteString("path", path);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
