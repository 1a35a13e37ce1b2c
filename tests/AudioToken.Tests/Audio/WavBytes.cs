using System.Buffers.Binary;
using AudioToken.Audio;

namespace AudioToken.Tests.Audio;

/// <summary>Builds WAV files chunk by chunk, well-formed or not.</summary>
internal static class WavBytes
{
    public static readonly byte[] PcmGuid = [1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

    /// <summary>A file of the given chunks, its RIFF size right.</summary>
    public static byte[] File(params byte[][] chunks) => File("RIFF", chunks);

    public static byte[] File(string id, params byte[][] chunks)
    {
        byte[] body = [.. chunks.SelectMany(c => c)];
        return [.. Id(id), .. U32(id == "RIFF" ? (uint)body.Length + 4 : 0xFFFFFFFF), .. Id("WAVE"), .. body];
    }

    /// <summary>A chunk with its padding; <paramref name="size"/> is what it claims.</summary>
    public static byte[] Chunk(string id, byte[] body, uint? size = null, bool pad = true) =>
        [.. Id(id), .. U32(size ?? (uint)body.Length), .. body, .. pad && body.Length % 2 == 1 ? new byte[1] : []];

    public static byte[] Format(int tag, int channels, uint rate, int bits, int? blockAlign = null, byte[]? extra = null)
    {
        int align = blockAlign ?? channels * bits / 8;
        return Chunk("fmt ", [.. U16(tag), .. U16(channels), .. U32(rate), .. U32((uint)(rate * align)), .. U16(align), .. U16(bits), .. extra ?? []]);
    }

    public static byte[] Extensible(int channels, uint rate, int bits, int validBits, byte[] guid, uint mask = 0) =>
        Format(0xFFFE, channels, rate, bits, extra: [.. U16(22), .. U16(validBits), .. U32(mask), .. guid]);

    /// <summary>16-bit mono samples of a small ramp.</summary>
    public static byte[] Ramp(int samples) => [.. Enumerable.Range(0, samples).SelectMany(i => U16((short)(i * 3 - 100) & 0xFFFF))];

    public static Waveform Read(byte[] file, AudioReadOptions? options = null) => AudioReader.Read(new MemoryStream(file), "test.wav", options);

    /// <summary>Reads through a stream that cannot seek and gives a few bytes at a time, as a pipe does.</summary>
    public static Waveform ReadAsPipe(byte[] file, AudioReadOptions? options = null) => AudioReader.Read(new PipeStream(file), "test.wav", options);

    public static byte[] U16(int value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        return bytes;
    }

    public static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    public static byte[] U64(ulong value) => BitConverter.GetBytes(value);

    private static byte[] Id(string id) => System.Text.Encoding.ASCII.GetBytes(id);
}

/// <summary>A stream without length or position, in portions of at most 7 bytes; endless if told to repeat.</summary>
internal sealed class PipeStream(byte[] bytes, bool endless = false, int portion = 7) : Stream
{
    private int _at;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public long Given { get; private set; }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (_at == bytes.Length && endless)
            _at = bytes.Length / 2;
        int count = Math.Min(Math.Min(buffer.Length, portion), bytes.Length - _at);
        bytes.AsSpan(_at, count).CopyTo(buffer);
        _at += count;
        Given += count;
        return count;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
