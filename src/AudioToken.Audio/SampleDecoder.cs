using System.Buffers.Binary;

namespace AudioToken.Audio;

/// <summary>Stored samples to float: u8 (v - 128) / 2^7, s16 / 2^15, s24 / 2^23, s32 / 2^31, floats as they are, G.711 by its tables.</summary>
internal static class SampleDecoder
{
    private static readonly float[] s_muLaw = Table(MuLaw), s_aLaw = Table(ALaw);

    public static int BytesPerSample(SampleEncoding encoding) => encoding switch
    {
        SampleEncoding.U8 or SampleEncoding.MuLaw or SampleEncoding.ALaw => 1,
        SampleEncoding.S16 => 2,
        SampleEncoding.S24 => 3,
        SampleEncoding.S32 or SampleEncoding.F32 => 4,
        _ => 8,
    };

    public static string Name(SampleEncoding encoding) => encoding switch
    {
        SampleEncoding.U8 => "8-bit PCM",
        SampleEncoding.S16 => "16-bit PCM",
        SampleEncoding.S24 => "24-bit PCM",
        SampleEncoding.S32 => "32-bit PCM",
        SampleEncoding.F32 => "32-bit float",
        SampleEncoding.F64 => "64-bit float",
        SampleEncoding.MuLaw => "mu-law",
        _ => "A-law",
    };

    /// <summary>Decodes exactly as many samples as <paramref name="samples"/> holds.</summary>
    public static void Decode(SampleEncoding encoding, ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        switch (encoding)
        {
            case SampleEncoding.U8:
                for (int i = 0; i < samples.Length; i++)
                    samples[i] = (bytes[i] - 128) * (1f / 128);
                break;
            case SampleEncoding.S16:
                for (int i = 0; i < samples.Length; i++)
                    samples[i] = BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * i)..]) * (1f / 32768);
                break;
            case SampleEncoding.S24:
                for (int i = 0; i < samples.Length; i++)
                    samples[i] = (bytes[3 * i] | bytes[3 * i + 1] << 8 | (sbyte)bytes[3 * i + 2] << 16) * (1f / 8388608);
                break;
            case SampleEncoding.S32:
                for (int i = 0; i < samples.Length; i++)
                    samples[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes[(4 * i)..]) * (1f / 2147483648);
                break;
            case SampleEncoding.F32:
                for (int i = 0; i < samples.Length; i++)
                    samples[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * i)..]);
                break;
            case SampleEncoding.F64:
                for (int i = 0; i < samples.Length; i++)
                    samples[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]);
                break;
            default:
                float[] table = encoding == SampleEncoding.MuLaw ? s_muLaw : s_aLaw;
                for (int i = 0; i < samples.Length; i++)
                    samples[i] = table[bytes[i]];
                break;
        }
    }

    private static float[] Table(Func<int, int> decode) => [.. Enumerable.Range(0, 256).Select(code => decode(code) * (1f / 32768))];

    // G.711: sign, three bits of exponent, four of mantissa, all inverted; a bias of 33 on a 14-bit scale, here shifted to 16 bits.
    private static int MuLaw(int code)
    {
        int bits = ~code & 0xFF, exponent = bits >> 4 & 7, mantissa = bits & 15;
        int magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
        return (bits & 0x80) != 0 ? -magnitude : magnitude;
    }

    // G.711: even bits inverted; the lowest segment is linear; half a step is added so that values stand in the middle of their interval.
    private static int ALaw(int code)
    {
        int bits = code ^ 0x55, exponent = bits >> 4 & 7, mantissa = bits & 15;
        int magnitude = exponent == 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (exponent - 1);
        return (bits & 0x80) != 0 ? magnitude : -magnitude;
    }
}
