using System.Buffers.Binary;
using System.Text;

namespace AudioToken.Weights;

/// <summary>Recognises files that are often found where a checkpoint was expected.</summary>
internal static class FileKind
{
    /// <summary>Bytes of a file's head that <see cref="Recognise"/> wants to see; a shorter head tells less.</summary>
    public const int HeadLength = 512;

    private const string Convert = "'audiotoken convert' makes a bundle of it.";
    private const string OtherFormat = "Take the model as .safetensors, .ckpt, .pt or .bin.";
    private const string Unpack = "Unpack it and name the file inside.";

    private static readonly string[] s_unfinished = [".crdownload", ".part", ".partial", ".download", ".incomplete"];

    private static readonly (byte[] Magic, string What, string Hint)[] s_magics =
    [
        ("PK\u0003\u0004"u8.ToArray(), "a ZIP archive, most likely a PyTorch checkpoint", Convert),
        ([0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19], "a PyTorch checkpoint of the form before torch 1.6", Convert),
        ("GGUF"u8.ToArray(), "a GGUF file", OtherFormat),
        ("lmgg"u8.ToArray(), "a GGML file", OtherFormat),
        ([0x89, (byte)'H', (byte)'D', (byte)'F', 0x0D, 0x0A, 0x1A, 0x0A], "an HDF5 file, as Keras writes its .h5", OtherFormat),
        ([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'], "a NumPy array (.npy)", OtherFormat),
        ([0x1F, 0x8B], "a gzip archive", Unpack),
        ("BZh"u8.ToArray(), "a bzip2 archive", Unpack),
        ([0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0], "an xz archive", Unpack),
        ([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard archive", Unpack),
        ([(byte)'7', (byte)'z', 0xBC, 0xAF, 0x27, 0x1C], "a 7-Zip archive", Unpack),
        ("Rar!"u8.ToArray(), "a RAR archive", Unpack),
        ([0x89, (byte)'P', (byte)'N', (byte)'G'], "a PNG picture, not a model", "'audiotoken inspect FILE' shows what its metadata says."),
        ([0xFF, 0xD8, 0xFF], "a JPEG picture, not a model", OtherFormat),
        ("RIFF"u8.ToArray(), "a sound or video (RIFF), not a model", OtherFormat),
    ];

    /// <summary>What the file is and what to do about it, or null if its first bytes tell nothing.</summary>
    /// <param name="head">The file's first bytes, some <see cref="HeadLength"/> of them.</param>
    public static (string What, string Hint)? Recognise(ReadOnlySpan<byte> head)
    {
        foreach ((byte[] magic, string what, string hint) in s_magics)
        {
            if (head.StartsWith(magic))
                return (what, hint);
        }

        if (head is [0x80, >= 2 and <= 5, ..])
            return ("a Python pickle, but not one of torch.save", "Load it where it was made, and save the tensors with torch.save or safetensors.");
        if (head.Length > 262 && head[257..].StartsWith("ustar"u8))
            return ("a tar archive", "Unpack it and name the file inside; torch.save itself wrote tar archives before torch 0.1.10, which are not read.");
        if (IsOnnx(head))
            return ("an ONNX model", OtherFormat);
        if (head.Length >= 32 && !head.ContainsAnyExcept((byte)0))
            return ("a file that begins with zeros only", "A download that reserved its space and never filled it: download it again.");
        return RecogniseText(head);
    }

    /// <summary>True if the file begins as a safetensors file does.</summary>
    public static bool IsSafetensors(ReadOnlySpan<byte> head) =>
        head.Length > 8 && BinaryPrimitives.ReadUInt64LittleEndian(head) <= SafetensorsHeader.MaxLength && head[8] == (byte)'{';

    /// <summary>What an unfinished download is called by its ending, or null.</summary>
    public static string? UnfinishedDownload(string path) =>
        s_unfinished.FirstOrDefault(ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

    private static (string What, string Hint)? RecogniseText(ReadOnlySpan<byte> head)
    {
        string text = Encoding.Latin1.GetString(head).TrimStart('\u00EF', '\u00BB', '\u00BF', ' ', '\t', '\r', '\n');
        if (text.StartsWith("version https://git-lfs", StringComparison.Ordinal))
            return ("a git-LFS pointer, not the model itself", "Fetch the content with 'git lfs pull', or download the file from its page.");
        if (text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase) || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase))
            return ("an HTML page, not a model", "A download that ended on a login or error page: open the file to read it, then download again.");
        if (text.StartsWith("<?xml", StringComparison.Ordinal) || text.StartsWith("<Error>", StringComparison.Ordinal))
            return (XmlWhat(text), "The server refused the download and its answer was saved in place of the file: find a link that still works.");
        if (text.StartsWith("{\"error\"", StringComparison.Ordinal))
            return ($"a server's error message ({Line(text)}), not a model", "The server refused the download: sign in, accept the model's licence, or find another link.");
        if (text.StartsWith("{\"", StringComparison.Ordinal) || text.StartsWith("{\n", StringComparison.Ordinal) || text.StartsWith("{\r\n", StringComparison.Ordinal))
            return ("a JSON file, not a model", "A config or an index? Name the folder that holds it, or the .safetensors file itself.");
        return text.Length >= 4 && text.All(c => c is >= ' ' and <= '~' or '\t' or '\r' or '\n')
            ? ($"a text file ({Line(text)}), not a model", "A server's answer in place of the file? Download it again.")
            : null;
    }

    private static string Line(string text) => WeightFileException.Quote(text.Split('\r', '\n')[0]);

    // A protobuf whose first field is a small version number and whose second is the producer's name.
    private static bool IsOnnx(ReadOnlySpan<byte> head)
    {
        if (head is not [0x08, >= 1 and <= 20, 0x12, > 0 and < 64, ..])
            return false;
        ReadOnlySpan<byte> producer = head[4..Math.Min(head.Length, 4 + head[3])];
        return !producer.IsEmpty && !producer.ContainsAnyExceptInRange((byte)' ', (byte)'~');
    }

    // Storage services answer <Error><Code>AuthenticationFailed</Code>…: the code says more than "XML".
    private static string XmlWhat(string text)
    {
        const string open = "<Code>";
        int start = text.IndexOf(open, StringComparison.Ordinal);
        int end = start < 0 ? -1 : text.IndexOf("</Code>", start, StringComparison.Ordinal);
        return end < 0
            ? "an XML page, not a model"
            : $"an XML error page ({WeightFileException.Quote(text[(start + open.Length)..end])}), not a model";
    }
}
