using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using AudioToken.Pipelines.Imaging;
using AudioToken.Tensors;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.Imaging;

public sealed class PngTests
{
    private static readonly Gen<ImageBuffer> s_image = Gen.Select(Gen.Int[1, 40], Gen.Int[1, 20]).SelectMany(
        size => Gen.Byte.Array[3 * size.Item1 * size.Item2].Select(bytes => new ImageBuffer(size.Item1, size.Item2, bytes)));

    [Fact]
    public void ImageAndTexts_ComeBackAsTheyWere() => Gen.Select(s_image, Gen.Char.Where(c => c != 0 && !char.IsSurrogate(c)).Array[0, 40]).Sample((image, characters) =>
    {
        PngText[] texts = [new("parameters", new string(characters)), new("audiotoken", "{}")];
        byte[] png = Write(image, texts);
        Assert.Equal(texts, PngReader.ReadTexts(png));
        ImageBuffer read = PngReader.Read(png);
        Assert.Equal((image.Width, image.Height), (read.Width, read.Height));
        Assert.Equal(image.Rgb.ToArray(), read.Rgb.ToArray());
        Assert.Equal(png, Write(image, texts));
    }, iter: 300, threads: 1);

    [Theory]
    [InlineData("a cat\ncafé", "tEXt")]
    [InlineData("猫", "iTXt")]
    [InlineData("a\tb", "iTXt")]
    public void Text_IsLatin1WhereItCanBe(string text, string type) =>
        Assert.Contains(type, Encoding.Latin1.GetString(Write(Pixel(), new PngText("parameters", text))), StringComparison.Ordinal);

    [Fact]
    public void File_IsLaidOutAsTheSpecificationSays()
    {
        // A known file: one red pixel. Its IHDR checksum is that of every 1×1 RGB file.
        byte[] png = Write(new ImageBuffer(1, 1, [255, 0, 0]));
        Assert.Equal("89504E470D0A1A0A" + "0000000D49484452" + "0000000100000001" + "0802000000" + "907753DE", Convert.ToHexString(png.AsSpan(0, 33)));
        Assert.Equal("0000000049454E44AE426082", Convert.ToHexString(png.AsSpan(png.Length - 12)));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(2, 3)]
    [InlineData(6, 4)]
    public void AllFiltersAndSimpleColours_AreRead(int colourType, int channels)
    {
        // A row for each filter, all with the same bytes behind them, unfiltered here by the specification's formulas.
        const int Width = 4;
        byte[][] rows = [.. Enumerable.Range(0, 5).Select(y => Enumerable.Range(0, Width * channels).Select(i => (byte)(y * 50 + i * 7)).ToArray())];
        using MemoryStream raw = new();
        for (int y = 0; y < 5; y++)
        {
            raw.WriteByte((byte)y);
            for (int i = 0; i < Width * channels; i++)
            {
                int a = i < channels ? 0 : rows[y][i - channels], b = y == 0 ? 0 : rows[y - 1][i], c = y == 0 || i < channels ? 0 : rows[y - 1][i - channels];
                int p = a + b - c;
                int paeth = new[] { a, b, c }.MinBy(value => Math.Abs(p - value));
                raw.WriteByte((byte)(rows[y][i] - new[] { 0, a, b, (a + b) / 2, paeth }[y]));
            }
        }

        ImageBuffer image = PngReader.Read(Assemble(Header(Width, 5, 8, colourType), ("IDAT", Deflate(raw.ToArray()))));
        for (int y = 0; y < 5; y++)
        {
            for (int i = 0; i < 3 * Width; i++)
                Assert.Equal(rows[y][i / 3 * channels + (channels == 1 ? 0 : i % 3)], image.Row(y)[i]);
        }
    }

    [Fact]
    public void CompressedTexts_AreRead()
    {
        byte[] text = Deflate(Encoding.UTF8.GetBytes("hello"));
        byte[] png = Assemble(Header(1, 1, 8, 2), ("zTXt", [.. "a\0\0"u8, .. text]), ("iTXt", [.. "b\0\u0001\0de\0B\0"u8, .. text]));
        Assert.Equal([new PngText("a", "hello"), new PngText("b", "hello")], PngReader.ReadTexts(png));
    }

    [Fact]
    public void Bombs_AreRefusedBeforeTheyUnfold()
    {
        Refused(3202, "The PNG is too large: it says to be 2147483647×2147483647 pixels, at most 67,108,864 are read.", () => PngReader.Read(Assemble(Header(int.MaxValue, int.MaxValue, 8, 2))));
        Refused(3201, "The PNG is damaged: it says to be -1×1 pixels.", () => PngReader.Read(Assemble(Header(-1, 1, 8, 2))));
        byte[] zeros = Deflate(new byte[20 << 20]);
        Refused(3202, "The PNG is too large: a compressed text unfolds to more than 1,048,576 bytes.",
            () => PngReader.ReadTexts(Assemble(Header(1, 1, 8, 2), ("zTXt", [.. "a\0\0"u8, .. zeros]))));
        Assert.Equal([0, 0, 0], PngReader.Read(Assemble(Header(1, 1, 8, 2), ("IDAT", zeros))).Rgb.ToArray());
    }

    [Fact]
    public void FormsThatAreNotRead_AreNamed() =>
        Refused(3203, "The PNG has 16 bits, colour type 3, interlacing 0; 8 bits, grey, RGB or RGBA without interlacing are read.", () => PngReader.Read(Assemble(Header(1, 1, 16, 3))));

    [Fact]
    public void OtherFiles_AreRefused() => Refused(3201, "The file is no PNG: it does not begin with PNG's signature.", () => PngReader.Read("GIF89a"u8.ToArray()));

    [Fact]
    public void EveryCutAndEveryChangedByte_IsRefusedAsAFileFault()
    {
        byte[] png = Write(new ImageBuffer(2, 2, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), new PngText("parameters", "猫"));
        for (int i = 0; i < png.Length; i++)
        {
            byte[] changed = [.. png];
            changed[i] ^= 0x41;
            Assert.Equal(3201, Assert.Throws<AudioTokenException>(() => PngReader.Read(png.AsMemory(0, i))).Code);
            Assert.Equal(3201, Assert.Throws<AudioTokenException>(() => PngReader.Read(changed)).Code);
        }
    }

    [Fact]
    public void ShortPixels_AreRefusedWithTheRow() =>
        Refused(3201, "The PNG is damaged: its pixels end in row 1 of 2.", () => PngReader.Read(Assemble(Header(1, 2, 8, 2), ("IDAT", Deflate([0, 1, 2, 3])))));

    private static ImageBuffer Pixel() => new(1, 1, [1, 2, 3]);

    private static byte[] Write(ImageBuffer image, params PngText[] texts)
    {
        using MemoryStream stream = new();
        PngWriter.Write(stream, image, texts);
        return stream.ToArray();
    }

    private static (string, byte[]) Header(int width, int height, byte bits, int colourType)
    {
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (bits, (byte)colourType);
        return ("IHDR", header);
    }

    private static byte[] Assemble(params (string Type, byte[] Data)[] chunks)
    {
        using MemoryStream stream = new();
        stream.Write(PngChunk.Signature);
        foreach ((string type, byte[] data) in chunks)
            PngChunk.Write(stream, Encoding.ASCII.GetBytes(type), data);
        PngChunk.Write(stream, "IEND"u8, []);
        return stream.ToArray();
    }

    private static byte[] Deflate(byte[] data)
    {
        using MemoryStream stream = new();
        using (ZLibStream zlib = new(stream, CompressionLevel.Optimal, leaveOpen: true))
            zlib.Write(data);
        return stream.ToArray();
    }

    private static void Refused(int code, string message, Action action)
    {
        AudioTokenException e = Assert.Throws<AudioTokenException>(action);
        Assert.Equal((code, message), (e.Code, e.Message));
    }
}
