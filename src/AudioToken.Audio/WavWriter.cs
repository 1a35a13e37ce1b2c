using System.Buffers.Binary;

namespace AudioToken.Audio;

/// <summary>Writes 16-bit PCM WAV files.</summary>
public static class WavWriter
{
    private const int HeaderBytes = 44;

    /// <summary>Writes one sound: each sample times 32768, rounded to nearest even, held within 16 bits. The same samples give the same bytes.</summary>
    /// <param name="stream">Where to; need not seek. Left open.</param>
    /// <param name="interleaved">[frames, channels], full scale at 1.</param>
    /// <param name="channels">Channels, 1 to 256.</param>
    /// <param name="sampleRateHz">Frames per second, 1 to 768,000.</param>
    /// <exception cref="ArgumentException">A number is out of range, the samples do not divide into channels, or they pass 4 GiB.</exception>
    public static void Write(Stream stream, ReadOnlySpan<float> interleaved, int channels, int sampleRateHz)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(channels, WavHeader.MaxChannels);
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleRateHz, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sampleRateHz, WavHeader.MaxSampleRateHz);
        long dataBytes = 2L * interleaved.Length;
        if (interleaved.Length % channels != 0 || dataBytes > uint.MaxValue - HeaderBytes)
            throw new ArgumentException($"{interleaved.Length} samples: wanted a multiple of {channels} channels and less than 4 GiB.", nameof(interleaved));

        Span<byte> header = stackalloc byte[HeaderBytes];
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)(dataBytes + HeaderBytes - 8));
        "WAVEfmt "u8.CopyTo(header[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], 16);
        BinaryPrimitives.WriteUInt16LittleEndian(header[20..], 1); // PCM
        BinaryPrimitives.WriteUInt16LittleEndian(header[22..], (ushort)channels);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], (uint)sampleRateHz);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], (uint)(sampleRateHz * channels * 2));
        BinaryPrimitives.WriteUInt16LittleEndian(header[32..], (ushort)(channels * 2));
        BinaryPrimitives.WriteUInt16LittleEndian(header[34..], 16);
        "data"u8.CopyTo(header[36..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[40..], (uint)dataBytes);
        stream.Write(header);

        byte[] block = new byte[1 << 15];
        while (!interleaved.IsEmpty)
        {
            int count = Math.Min(interleaved.Length, block.Length / 2);
            for (int i = 0; i < count; i++)
            {
                double level = Math.Round((double)interleaved[i] * 32768);
                BinaryPrimitives.WriteInt16LittleEndian(block.AsSpan(2 * i), (short)Math.Clamp(level, short.MinValue, short.MaxValue));
            }

            stream.Write(block, 0, 2 * count);
            interleaved = interleaved[count..];
        }
    }
}
