using System.Buffers;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AudioToken.WeightsConverter.PyTorch.Pickle;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>The part of a checkpoint that is not tensors, as JSON: dictionaries, lists, numbers and text as they are, everything else by its kind.</summary>
internal static class PlainJson
{
    private const int MaxBytes = 4 << 20; // a value that refers to itself many times over would go on for ever
    private const int MaxDepth = PickleLimits.Depth;

    /// <summary>The value as JSON, or null if it is too deep (it may hold itself) or too long to be anybody's configuration.</summary>
    public static string? Of(object? value)
    {
        ArrayBufferWriter<byte> buffer = new();
        using Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
        if (!TryWrite(json, value, 0))
            return null;
        json.Flush();
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static bool TryWrite(Utf8JsonWriter json, object? value, int depth)
    {
        if (depth > MaxDepth || json.BytesCommitted + json.BytesPending > MaxBytes)
            return false;
        switch (value)
        {
            case PickleMapping mapping:
                json.WriteStartObject();
                foreach ((object key, object? item) in mapping.Entries)
                {
                    json.WritePropertyName(KeyText(key));
                    if (!TryWrite(json, item, depth + 1))
                        return false;
                }

                json.WriteEndObject();
                return true;
            case PickleSequence sequence:
                json.WriteStartArray();
                foreach (object? item in sequence.Items)
                {
                    if (!TryWrite(json, item, depth + 1))
                        return false;
                }

                json.WriteEndArray();
                return true;
            default:
                WriteLeaf(json, value);
                return true;
        }
    }

    private static void WriteLeaf(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool truth:
                json.WriteBooleanValue(truth);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case BigInteger number:
                json.WriteRawValue(number.ToString(System.Globalization.CultureInfo.InvariantCulture));
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case double number:
                json.WriteStringValue(number.ToString(System.Globalization.CultureInfo.InvariantCulture));
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            default:
                json.WriteStringValue(Kind(value));
                break;
        }
    }

    private static string Kind(object value) => value switch
    {
        byte[] bytes => $"<{bytes.Length} bytes>",
        TensorReference tensor => $"<tensor {tensor.Type.Name} [{string.Join(", ", tensor.Extents)}]>",
        StorageReference => "<storage>",
        InertObject inert => $"<{inert.Type}>",
        PickleGlobal global => $"<{global}>",
        _ => $"<{value.GetType().Name}>",
    };

    /// <summary>A key as text.</summary>
    public static string KeyText(object key) => key is PickleGlobal global ? $"<{global}>" : Convert.ToString(key, System.Globalization.CultureInfo.InvariantCulture)!;
}
