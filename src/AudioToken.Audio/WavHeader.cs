using System.Buffers.Binary;

namespace AudioToken.Audio;

/// <summary>What stands before the samples of a WAV file: the format and where the data ends.</summary>
/// <remarks>RIFF, RF64 (EBU Tech 3306) and BW64 (ITU-R BS.2088). A size that a file merely claims is never allocated, and never believed beyond
/// the file's end. Chunks unknown here are passed over; an odd one may lack its padding byte.</remarks>
internal sealed class WavHeader
{
    public const int MaxChannels = 256;
    public const int MaxSampleRateHz = 768_000;

    private const int FormatBytes = 40; // WAVE_FORMAT_EXTENSIBLE; what a longer chunk holds beyond is not needed
    private const int TagPcm = 1, TagFloat = 3, TagALaw = 6, TagMuLaw = 7, TagExtensible = 0xFFFE;
    private const uint UnknownSize = 0xFFFFFFFF;

    // The last 14 bytes of the sub-format GUIDs that carry a format tag: the usual family and the ambisonic one.
    private static readonly byte[] s_guidTail = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
    private static readonly byte[] s_ambisonicTail = [0, 0, 0x21, 0x07, 0xD3, 0x11, 0x86, 0x44, 0xC8, 0xC1, 0xCA, 0, 0, 0];

    private WavHeader(SampleEncoding encoding, int channels, int sampleRateHz)
    {
        (Encoding, Channels, SampleRateHz) = (encoding, channels, sampleRateHz);
    }

    public SampleEncoding Encoding { get; }

    public int Channels { get; }

    public int SampleRateHz { get; }

    /// <summary>Size that the data chunk claims, or null where the file does not say and its end is the data's.</summary>
    public long? DataBytes { get; private set; }

    /// <summary>Reads up to the first byte of the samples.</summary>
    /// <exception cref="AudioFormatException">The structure or a field is not one that can be read.</exception>
    public static WavHeader Read(ByteSource source, List<string> warnings)
    {
        Span<byte> head = stackalloc byte[12];
        Span<byte> chunk = stackalloc byte[8];
        source.Read(head);
        bool is64 = !head.StartsWith("RIFF"u8);
        ulong? dataBytes64 = null;
        WavHeader? header = null;
        while (source.Read(chunk) == chunk.Length)
        {
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            if (chunk.StartsWith("data"u8))
            {
                if (header is null)
                    throw Structure(source, "its 'data' chunk comes before any 'fmt ' chunk");
                header.DataBytes = DataSize(size, is64, dataBytes64, warnings);
                return header;
            }

            int known = 0;
            if (chunk.StartsWith("fmt "u8) && header is null)
                header = ReadFormat(source, size, out known);
            else if (chunk.StartsWith("ds64"u8) && is64)
                dataBytes64 = ReadDs64(source, size, out known);
            else if (chunk.StartsWith("fmt "u8))
                warnings.Add("a second 'fmt ' chunk was not used");

            source.Skip(size - known);
            if (size % 2 == 1 && !StartsChunk(source.Peek(4)))
                source.Skip(1);
        }

        throw Structure(source, header is null ? "it ends before any 'fmt ' chunk" : "it ends before any 'data' chunk");
    }

    private static WavHeader ReadFormat(ByteSource source, uint size, out int read)
    {
        Span<byte> format = stackalloc byte[FormatBytes];
        read = (int)Math.Min(size, FormatBytes);
        if (source.Read(format[..read]) < read)
            throw Structure(source, "it ends inside its 'fmt ' chunk");
        if (read < 16)
            throw Structure(source, $"its 'fmt ' chunk has {size} bytes; wanted at least 16");

        int tag = BinaryPrimitives.ReadUInt16LittleEndian(format);
        int channels = BinaryPrimitives.ReadUInt16LittleEndian(format[2..]);
        uint rate = BinaryPrimitives.ReadUInt32LittleEndian(format[4..]);
        int blockAlign = BinaryPrimitives.ReadUInt16LittleEndian(format[12..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(format[14..]);
        if (channels is 0 or > MaxChannels)
            throw Field(source, "channels", channels, $"1 to {MaxChannels}");
        if (rate is 0 or > MaxSampleRateHz)
            throw Field(source, "sample rate", rate, $"1 to {MaxSampleRateHz} Hz");
        if (tag == TagExtensible)
            tag = SubFormat(source, format[..read], bits);

        SampleEncoding encoding = (tag, bits) switch
        {
            (TagPcm, 8) => SampleEncoding.U8,
            (TagPcm, 16) => SampleEncoding.S16,
            (TagPcm, 24) => SampleEncoding.S24,
            (TagPcm, 32) => SampleEncoding.S32,
            (TagFloat, 32) => SampleEncoding.F32,
            (TagFloat, 64) => SampleEncoding.F64,
            (TagMuLaw, 8) => SampleEncoding.MuLaw,
            (TagALaw, 8) => SampleEncoding.ALaw,
            (TagPcm, _) => throw Field(source, "bits per sample", bits, "8, 16, 24 or 32 for PCM"),
            (TagFloat, _) => throw Field(source, "bits per sample", bits, "32 or 64 for float"),
            (TagMuLaw or TagALaw, _) => throw Field(source, "bits per sample", bits, "8 for mu-law and A-law"),
            _ => throw Codec(source, CodecName(tag)),
        };
        int wanted = channels * SampleDecoder.BytesPerSample(encoding);
        if (blockAlign != wanted)
            throw Field(source, "block align", blockAlign, $"{wanted} ({channels} channels of {bits} bits)");
        return new WavHeader(encoding, channels, (int)rate);
    }

    private static int SubFormat(ByteSource source, ReadOnlySpan<byte> format, int bits)
    {
        if (format.Length < FormatBytes)
            throw Structure(source, $"its 'fmt ' chunk is WAVE_FORMAT_EXTENSIBLE in {format.Length} bytes; wanted {FormatBytes}");
        int validBits = BinaryPrimitives.ReadUInt16LittleEndian(format[18..]);
        if (validBits > bits) // fewer is usual: 24 valid bits stand at the top of 32
            throw Field(source, "valid bits per sample", validBits, $"at most {bits}, the bits per sample");
        ReadOnlySpan<byte> guid = format[24..];
        if (!guid[2..].SequenceEqual(s_guidTail) && !guid[2..].SequenceEqual(s_ambisonicTail))
            throw Codec(source, $"codec with sub-format {new Guid(guid)}");
        return BinaryPrimitives.ReadUInt16LittleEndian(guid);
    }

    private static ulong ReadDs64(ByteSource source, uint size, out int read)
    {
        Span<byte> sizes = stackalloc byte[16]; // sizes of the file and of the data; the sample count and a table follow
        read = sizes.Length;
        if (size < 24 || source.Read(sizes) < sizes.Length)
            throw Structure(source, $"its 'ds64' chunk has {size} bytes or is cut off; wanted at least 24");
        return BinaryPrimitives.ReadUInt64LittleEndian(sizes[8..]);
    }

    private static long? DataSize(uint size, bool is64, ulong? size64, List<string> warnings)
    {
        ulong claimed = is64 && size == UnknownSize ? size64 ?? 0 : size;
        if (claimed is not 0 and not ulong.MaxValue && (is64 || size != UnknownSize))
            return (long)Math.Min(claimed, long.MaxValue);
        warnings.Add("the data chunk does not say its size (a streamed recording): read to the end of the input");
        return null;
    }

    // Whether the chunk after an odd one begins without the padding byte that it should have.
    private static bool StartsChunk(ReadOnlySpan<byte> id) =>
        id.SequenceEqual("data"u8) || id.SequenceEqual("fmt "u8) || id.SequenceEqual("LIST"u8) || id.SequenceEqual("fact"u8) || id.SequenceEqual("bext"u8);

    private static string CodecName(int tag) => tag switch
    {
        0x0002 => "Microsoft ADPCM (tag 0x0002)",
        0x0011 => "IMA ADPCM (tag 0x0011)",
        0x0031 => "GSM 6.10 (tag 0x0031)",
        0x0050 => "MPEG (tag 0x0050)",
        0x0055 => "MP3 (tag 0x0055)",
        0x00FF or 0x1600 or 0x1610 => $"AAC (tag 0x{tag:X4})",
        0x0160 or 0x0161 or 0x0162 or 0x0163 => $"Windows Media Audio (tag 0x{tag:X4})",
        0x2000 => "AC-3 (tag 0x2000)",
        0xF1AC => "FLAC (tag 0xF1AC)",
        _ => $"codec with tag 0x{tag:X4}",
    };

    private static AudioFormatException Structure(ByteSource source, string what) =>
        new(AudioErrorCode.Structure, $"{Quoted.Text(source.Name)} is not a whole WAV file: {what}.", "Was the recording or the download cut off?");

    private static AudioFormatException Field(ByteSource source, string field, long value, string wanted) =>
        new(AudioErrorCode.FormatField, $"{Quoted.Text(source.Name)}: the 'fmt ' chunk says {field} {value}; wanted {wanted}.");

    private static AudioFormatException Codec(ByteSource source, string codec) =>
        new(AudioErrorCode.Codec, $"{Quoted.Text(source.Name)} is a WAV file whose samples are {codec}; wanted PCM, float, mu-law or A-law.",
            $"Convert it: {AudioOpener.Ffmpeg(source)} (libsndfile, where installed, reads ADPCM and GSM).");
}
