using System.Text;

namespace AudioToken.Cli;

/// <summary>Foreign text made fit for a screen.</summary>
internal static class PlainText
{
    /// <summary>Escapes control characters other than line feeds: file names, prompts and metadata must not steer the terminal.</summary>
    public static string Of(string text)
    {
        if (!text.Any(IsControl))
            return text;
        StringBuilder plain = new(text.Length);
        foreach (char c in text)
        {
            if (IsControl(c))
                plain.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
            else
                plain.Append(c);
        }

        return plain.ToString();
    }

    private static bool IsControl(char c) => char.IsControl(c) && c != '\n';
}
