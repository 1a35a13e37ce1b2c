using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using AudioToken.Tensors;

namespace AudioToken.Pipelines.Imaging;

/// <summary>Reads the texts of any PNG, and the pixels of simple ones: eight bits a channel, grey, RGB or RGBA, not interlaced.</summary>
/// <remarks>Nothing is allocated on the word of a file: sizes are checked against limits first, and compressed parts are cut off at theirs.</remarks>
public static class PngReader
{
    private const int MaxFileBytes = 1 << 28;
    private const long MaxPixels = 1 << 26;
    private const int MaxTextBytes = 1 << 20;
    private const int MaxTexts = 1024;

    /// <summary>The texts of a file, in their order.</summary>
    /// <exception cref="AudioTokenException">3201: no PNG, or a damaged one; 3202: beyond a limit; 8101: it cannot be read.</exception>
    public static IReadOnlyList<PngText> ReadTexts(string path) => ReadTexts(Bytes(path));

    /// <inheritdoc cref="ReadTexts(string)"/>
    public static IReadOnlyList<PngText> ReadTexts(ReadOnlyMemory<byte> png)
    {
        List<PngText> texts = [];
        foreach (Chunk chunk in Chunks(png))
        {
            if (chunk.Type is not ("tEXt" or "zTXt" or "iTXt"))
                continue;
            if (texts.Count == MaxTexts)
                throw TooLarge($"it has more than {MaxTexts:N0} texts");
            texts.Add(ParseText(chunk));
        }

        return texts;
    }

    /// <summary>The pixels of a file; grey becomes RGB, and transparency is dropped.</summary>
    /// <exception cref="AudioTokenException">3201: no PNG, or a damaged one; 3202: beyond a limit; 3203: a form that is not read here; 8101: it cannot be read.</exception>
    public static ImageBuffer Read(string path) => Read(Bytes(path));

    /// <inheritdoc cref="Read(string)"/>
    public static ImageBuffer Read(ReadOnlyMemory<byte> png)
    {
        ReadOnlySpan<byte> header = default;
        using MemoryStream compressed = new();
        foreach (Chunk chunk in Chunks(png))
        {
            if (chunk.Type == "IHDR")
                header = chunk.Data.Span;
            else if (chunk.Type == "IDAT")
                compressed.Write(chunk.Data.Span);
        }

        (int width, int height) = (BinaryPrimitives.ReadInt32BigEndian(header), BinaryPrimitives.ReadInt32BigEndian(header[4..]));
        if (width < 1 || height < 1)
            throw Damaged($"it says to be {width}×{height} pixels");
        if ((long)width * height > MaxPixels)
            throw TooLarge($"it says to be {width}×{height} pixels, at most {MaxPixels:N0} are read");
        int channels = header[9] switch { 0 => 1, 2 => 3, 6 => 4, _ => 0 };
        if (header[8] != 8 || channels == 0 || header[12] != 0)
        {
            throw new AudioTokenException(3203,
                $"The PNG has {header[8]} bits, colour type {header[9]}, interlacing {header[12]}; 8 bits, grey, RGB or RGBA without interlacing are read.",
                "Save it again as a plain RGB PNG.");
        }

        compressed.Position = 0;
        return Unfilter(compressed, width, height, channels);
    }

    private static ImageBuffer Unfilter(Stream compressed, int width, int height, int channels)
    {
        int stride = width * channels;
        byte[] row = new byte[stride], above = new byte[stride], rgb = new byte[3 * width * height];
        using ZLibStream zlib = new(compressed, CompressionMode.Decompress);
        for (int y = 0; y < height; y++)
        {
            int filter;
            try
            {
                filter = zlib.ReadByte();
                zlib.ReadExactly(row);
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                throw Damaged($"its pixels end in row {y} of {height}");
            }

            if (filter is < 0 or > 4)
                throw Damaged($"row {y} has filter {filter}, which does not exist");
            for (int i = 0; i < stride; i++)
            {
                int left = i < channels ? 0 : row[i - channels], up = above[i], corner = i < channels ? 0 : above[i - channels];
                row[i] += (byte)(filter switch { 1 => left, 2 => up, 3 => (left + up) / 2, 4 => Paeth(left, up, corner), _ => 0 });
            }

            for (int i = 0; i < 3 * width; i++)
                rgb[3 * width * y + i] = row[i / 3 * channels + (channels == 1 ? 0 : i % 3)];
            (row, above) = (above, row);
        }

        return new ImageBuffer(width, height, rgb);
    }

    // Whichever neighbour is nearest to left + up - corner; ties go in the order left, up, corner.
    private static int Paeth(int left, int up, int corner)
    {
        int toLeft = Math.Abs(up - corner), toUp = Math.Abs(left - corner), toCorner = Math.Abs(left + up - 2 * corner);
        return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }

    private static PngText ParseText(Chunk chunk)
    {
        ReadOnlySpan<byte> data = chunk.Data.Span;
        int end = data.IndexOf((byte)0);
        if (end is < 1 or > 79)
            throw Damaged($"a {chunk.Type} chunk has no keyword");
        string keyword = Encoding.Latin1.GetString(data[..end]);
        ReadOnlyMemory<byte> rest = chunk.Data[(end + 1)..];
        if (chunk.Type == "tEXt")
            return new PngText(keyword, Encoding.Latin1.GetString(Limited(rest).Span));
        if (chunk.Type == "zTXt")
            return new PngText(keyword, Encoding.Latin1.GetString(Inflate(rest.Length > 0 ? rest[1..] : throw Damaged("a zTXt chunk ends early")).Span));

        // iTXt: compressed or not, method, language, translated keyword, text.
        bool compressed = rest.Length > 1 && rest.Span[0] == 1;
        for (int skipped = 0, from = 2; skipped < 2; skipped++)
        {
            int zero = from <= rest.Length ? rest.Span[from..].IndexOf((byte)0) : -1;
            if (zero < 0)
                throw Damaged("an iTXt chunk ends early");
            rest = rest[(from + zero + 1)..];
            from = 0;
        }

        return new PngText(keyword, Encoding.UTF8.GetString((compressed ? Inflate(rest) : Limited(rest)).Span));
    }

    private static ReadOnlyMemory<byte> Limited(ReadOnlyMemory<byte> text) =>
        text.Length <= MaxTextBytes ? text : throw TooLarge($"a text has {text.Length:N0} bytes, at most {MaxTextBytes:N0} are read");

    private static ReadOnlyMemory<byte> Inflate(ReadOnlyMemory<byte> compressed)
    {
        using ZLibStream zlib = new(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress);
        byte[] text = new byte[MaxTextBytes + 1];
        try
        {
            int length = zlib.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
            return length <= MaxTextBytes ? text.AsMemory(0, length) : throw TooLarge($"a compressed text unfolds to more than {MaxTextBytes:N0} bytes");
        }
        catch (InvalidDataException)
        {
            throw Damaged("a compressed text cannot be unfolded");
        }
    }

    private static IEnumerable<Chunk> Chunks(ReadOnlyMemory<byte> png)
    {
        if (!png.Span.StartsWith(PngChunk.Signature))
            throw new AudioTokenException(3201, "The file is no PNG: it does not begin with PNG's signature.");
        bool first = true;
        for (int at = PngChunk.Signature.Length; ;)
        {
            if (png.Length - at < 12)
                throw Damaged($"it ends at byte {png.Length:N0} without an IEND chunk");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(png.Span[at..]);
            string type = Encoding.Latin1.GetString(png.Span.Slice(at + 4, 4));
            if (length > png.Length - at - 12)
                throw Damaged($"the chunk at byte {at:N0} says to have {length:N0} bytes, {png.Length - at - 12:N0} are left");
            Chunk chunk = new(type, png.Slice(at + 8, (int)length));
            if (PngChunk.Crc(png.Span.Slice(at + 4, 4), chunk.Data.Span) != BinaryPrimitives.ReadUInt32BigEndian(png.Span[(at + 8 + (int)length)..]))
                throw Damaged($"the checksum of the chunk at byte {at:N0} does not match");
            if (first != (type == "IHDR") || (first && length != 13))
                throw Damaged("it does not begin with one IHDR chunk of 13 bytes");
            if (type == "IEND")
                yield break;
            yield return chunk;
            first = false;
            at += 12 + (int)length;
        }
    }

    private static byte[] Bytes(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            // A pipe or a device has no length that could be trusted; what is read is bounded all the same.
            using MemoryStream bytes = new();
            byte[] buffer = new byte[1 << 16];
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                bytes.Write(buffer, 0, read);
                if (bytes.Length > MaxFileBytes)
                    throw TooLarge($"it has more than {MaxFileBytes:N0} bytes");
            }

            return bytes.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AudioTokenException(8101, $"{Path.GetFileName(path)} cannot be read: {(e is FileNotFoundException ? "there is no such file" : e.Message.TrimEnd('.'))}.", inner: e);
        }
    }

    private static AudioTokenException Damaged(string what) => new(3201, $"The PNG is damaged: {what}.");

    private static AudioTokenException TooLarge(string what) => new(3202, $"The PNG is too large: {what}.");

    private readonly record struct Chunk(string Type, ReadOnlyMemory<byte> Data);
}
