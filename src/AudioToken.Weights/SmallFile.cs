using System.Text;
using System.Text.Json;

namespace AudioToken.Weights;

/// <summary>Reads the small files of a model folder: configs, indices, tokenizer files.</summary>
internal static class SmallFile
{
    private const int MaxLength = 32 << 20; // CLIP's vocabulary is 1 MB, the index of the largest sharded models below 10 MB

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The whole file.</summary>
    public static byte[] Read(string path, string description)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > MaxLength)
                throw new WeightFileException(ErrorCode.Header, description, FormattableString.Invariant($"the file is {stream.Length:N0} bytes, at most {MaxLength:N0} are read of a file of this kind."));
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception exception) when (FileErrors.IsFileError(exception))
        {
            throw FileErrors.CannotRead(path, exception);
        }
    }

    /// <summary>The whole file as text that is valid JSON without duplicate keys.</summary>
    public static string ReadJson(string path, string description)
    {
        byte[] bytes = Read(path, description);
        using JsonDocument document = ParseJson(bytes, description);
        return s_strictUtf8.GetString(WithoutMark(bytes));
    }

    /// <summary>Parses strictly: UTF-8, no comments, no duplicate keys, an object at the root.</summary>
    public static JsonDocument ParseJson(ReadOnlyMemory<byte> utf8, string description)
    {
        JsonDocument document;
        try
        {
            _ = s_strictUtf8.GetCharCount(utf8.Span);
            document = JsonDocument.Parse(WithoutMark(utf8.Span).ToArray(), new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (DecoderFallbackException exception)
        {
            throw new WeightFileException(ErrorCode.Header, description, $"at byte {exception.Index}: the file is not valid UTF-8.", inner: exception);
        }
        catch (JsonException exception)
        {
            throw new WeightFileException(ErrorCode.Header, description, $"the file is not valid JSON: {exception.Message}", inner: exception);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return document;
        JsonValueKind kind = document.RootElement.ValueKind;
        document.Dispose();
        throw new WeightFileException(ErrorCode.Header, description, $"the file holds a JSON {kind}, wanted an object.");
    }

    private static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> utf8) => utf8.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;
}
