using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Pipelines.Imaging;

/// <summary>Writes PNG files: eight bits a channel, no interlacing, every row filtered as the difference to the row above.</summary>
/// <remarks>The same picture and texts give the same bytes on the same runtime; no time and no machine are recorded.
/// PNG specification, third edition.</remarks>
public static class PngWriter
{
    private const byte FilterUp = 2;

    /// <summary>Writes a file whole or not at all; a file that is there already is replaced in one step, and stays as it is if anything fails.</summary>
    /// <exception cref="AudioTokenException">8102: the file cannot be written; the message says why.</exception>
    public static void Save(string path, ImageBuffer image, params IReadOnlyList<PngText> texts) =>
        AtomicFile.Write(path, stream => Write(stream, image, texts));

    /// <summary>Writes a PNG to a stream and leaves it open.</summary>
    public static void Write(Stream stream, ImageBuffer image, params IReadOnlyList<PngText> texts)
    {
        stream.Write(PngChunk.Signature);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        (header[8], header[9]) = (8, 2); // bits, colour type RGB; compression, filter and interlace methods are 0
        PngChunk.Write(stream, "IHDR"u8, header);
        // Texts come before the pixels, so that a reader finds them without reading those.
        foreach (PngText text in texts)
            WriteText(stream, text);
        PngChunk.Write(stream, "IDAT"u8, Compress(image));
        PngChunk.Write(stream, "IEND"u8, []);
    }

    private static byte[] Compress(ImageBuffer image)
    {
        using MemoryStream compressed = new();
        using (ZLibStream zlib = new(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            byte[] line = new byte[1 + 3 * image.Width];
            line[0] = FilterUp;
            for (int y = 0; y < image.Height; y++)
            {
                ReadOnlySpan<byte> row = image.Row(y);
                for (int i = 0; i < row.Length; i++)
                    line[i + 1] = (byte)(row[i] - (y == 0 ? 0 : image.Row(y - 1)[i]));
                zlib.Write(line);
            }
        }

        return compressed.ToArray();
    }

    // tEXt holds Latin-1 and every reader knows it; anything else goes into iTXt as UTF-8.
    private static void WriteText(Stream stream, PngText text)
    {
        if (text.Keyword.Length is < 1 or > 79 || text.Keyword.Any(c => c is < ' ' or > '~'))
            throw new ArgumentException($"PngWriter: the keyword '{text.Keyword}' is not 1 to 79 printable ASCII characters.", nameof(text));
        string content = text.Text.Replace('\0', '\uFFFD'); // PNG's texts cannot hold a NUL
        if (content.All(c => c is '\n' or (>= ' ' and <= '~') or (>= '\u00A0' and <= '\u00FF')))
            PngChunk.Write(stream, "tEXt"u8, [.. Encoding.Latin1.GetBytes(text.Keyword), 0, .. Encoding.Latin1.GetBytes(content)]);
        else
            PngChunk.Write(stream, "iTXt"u8, [.. Encoding.Latin1.GetBytes(text.Keyword), 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(content)]);
    }
}
