using System.Buffers;
using System.Numerics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AudioToken.WeightsConverter.PyTorch.Pickle;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>The part of a checkpoint that is not tensors, as JSON: dictionaries, lists, numbers and text as they are, everything else by its kind.</summary>
internal sealed class PlainJson
{
    // Of all values together, and spent by those that are given up too: a value that holds itself many times over would go on for ever.
    private long _bytesLeft = 4 << 20;

    /// <summary>The value as JSON, or null if it is too deep (it may hold itself) or too long to be anybody's configuration.</summary>
    public string? Of(object? value)
    {
        ArrayBufferWriter<byte> buffer = new();
        using Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
        bool whole = TryWrite(json, value, 0);
        json.Flush();
        _bytesLeft -= json.BytesCommitted;
        return whole ? Encoding.UTF8.GetString(buffer.WrittenSpan) : null;
    }

    private bool TryWrite(Utf8JsonWriter json, object? value, int depth)
    {
        if (depth >= PickleLimits.Depth || json.BytesCommitted + json.BytesPending >= _bytesLeft)
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
