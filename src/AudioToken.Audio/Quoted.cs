using System.Globalization;
using System.Text;

namespace AudioToken.Audio;

/// <summary>Foreign text for a message: in quotes, control characters escaped, long text cut.</summary>
internal static class Quoted
{
    private const int Longest = 300;

    public static string Text(string text)
    {
        StringBuilder quoted = new("'");
        foreach (char c in text.Length > Longest ? text[..Longest] : text)
        {
            if (c == '\n')
                quoted.Append("\\n");
            else if (char.IsControl(c))
                quoted.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
            else
                quoted.Append(c);
        }

        return quoted.Append(text.Length > Longest ? "…'" : "'").ToString();
    }

    /// <summary>Bytes of an identifier: its characters where printable, else hexadecimal.</summary>
    public static string Bytes(ReadOnlySpan<byte> id) =>
        id.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0 ? $"'{Encoding.ASCII.GetString(id)}'" : "0x" + Convert.ToHexString(id);
}
