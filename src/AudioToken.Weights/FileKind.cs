using System.Text;

namespace AudioToken.Weights;

/// <summary>Recognises files that are often found where a checkpoint was expected.</summary>
internal static class FileKind
{
    private static readonly string[] s_unfinished = [".crdownload", ".part", ".partial", ".download", ".incomplete"];

    /// <summary>What the file is and what to do about it, or null if its first bytes tell nothing.</summary>
    /// <param name="head">The file's first bytes; some hundred are enough.</param>
    public static (string What, string Hint)? Recognise(ReadOnlySpan<byte> head)
    {
        string text = Encoding.Latin1.GetString(head).TrimStart('\u00EF', '\u00BB', '\u00BF', ' ', '\t', '\r', '\n');
        if (text.StartsWith("version https://git-lfs", StringComparison.Ordinal))
            return ("a git-LFS pointer, not the model itself", "Fetch the content with 'git lfs pull', or download the file from its page.");
        if (text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase) || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase))
            return ("an HTML page, not a model", "A download that ended on a login or error page: open the file to read it, then download again.");
        if (text.StartsWith("<?xml", StringComparison.Ordinal) || text.StartsWith("<Error>", StringComparison.Ordinal))
            return (XmlWhat(text), "The server refused the download and its answer was saved in place of the file: find a link that still works.");
        if (head.StartsWith("PK\u0003\u0004"u8))
            return ("a ZIP archive, most likely a PyTorch checkpoint", "A PyTorch pickle; convert it to safetensors first.");
        if (head is [0x80, >= 2 and <= 5, ..])
            return ("a PyTorch pickle of the old form", "A PyTorch pickle; convert it to safetensors first.");
        if (head.StartsWith("GGUF"u8))
            return ("a GGUF file", "Only safetensors files are read here.");
        if (text.StartsWith("{\"", StringComparison.Ordinal) || text.StartsWith("{\n", StringComparison.Ordinal))
            return ("a JSON file, not a model", "A config or an index? Name the folder that holds it, or the .safetensors file itself.");
        return null;
    }

    /// <summary>What an unfinished download is called by its ending, or null.</summary>
    public static string? UnfinishedDownload(string path) =>
        s_unfinished.FirstOrDefault(ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

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
