using System.Text;

namespace AudioToken.Models.Clip;

/// <summary>The visible character that stands for each byte in a byte-level vocabulary.</summary>
/// <remarks>Printable Latin-1 stands for itself; the other 68 bytes, in order, are U+0100 and up. Source: openai/CLIP, simple_tokenizer.py.</remarks>
internal static class ByteSymbols
{
    private static readonly char[] s_symbols = new char[256];
    private static readonly Dictionary<char, byte> s_bytes = [];
    private static readonly byte[] s_vocabularyOrder = new byte[256];

    static ByteSymbols()
    {
        int printable = 0, others = 0;
        for (int value = 0; value < 256; value++)
        {
            bool stays = value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174;
            s_symbols[value] = stays ? (char)value : (char)(0x100 + others);
            // 188 bytes are printable; the vocabulary lists them first.
            s_vocabularyOrder[stays ? printable++ : 188 + others++] = (byte)value;
            s_bytes[s_symbols[value]] = (byte)value;
        }
    }

    /// <summary>The bytes in the order of the vocabulary's first 256 entries.</summary>
    public static ReadOnlySpan<byte> VocabularyOrder => s_vocabularyOrder;

    /// <summary>The character for a byte.</summary>
    public static char Of(byte value) => s_symbols[value];

    /// <summary>Turns a string of such characters back into bytes; a character that stands for none gives its own UTF-8.</summary>
    public static void AppendBytes(string symbols, List<byte> bytes)
    {
        foreach (char symbol in symbols)
        {
            if (s_bytes.TryGetValue(symbol, out byte value))
                bytes.Add(value);
            else
                bytes.AddRange(Encoding.UTF8.GetBytes(symbol.ToString()));
        }
    }
}
