using AudioToken.Audio;
using AudioToken.Tensors;
using CsCheck;
using Xunit;
using static AudioToken.Tests.Audio.WavBytes;

namespace AudioToken.Tests.Audio;

public sealed class WavPropertyTests
{
    private static readonly (int Tag, int Bits)[] s_formats = [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8)];

    private static readonly Gen<byte[]> s_junk = Gen.Select(Gen.OneOfConst("LIST", "JUNK", "bext", "PEAK", "\u0001\u0002\u0003 "), Gen.Byte.Array[0, 20], (id, body) => Chunk(id, body));

    private static readonly Gen<Made> s_wav = Gen.Select(
        Gen.OneOfConst(s_formats), Gen.Int[1, 6], Gen.Int[1, 192000], Gen.Int[0, 300], Gen.Int[0, int.MaxValue], Gen.OneOfConst("RIFF", "RF64", "BW64"), s_junk.Array[0, 3], Gen.Bool)
        .Select(Make);

    [Fact]
    public void AnyValidFile_GivesItsSamples() =>
        s_wav.Sample(
            made =>
            {
                if (made.Samples.Length == 0)
                {
                    Assert.Equal(3010, Assert.Throws<AudioFormatException>(() => Read(made.File)).Code);
                    return;
                }

                foreach (Waveform sound in new[] { Read(made.File), ReadAsPipe(made.File) })
                {
                    Assert.Equal((made.Channels, made.Rate), (sound.Channels, sound.SampleRateHz));
                    Assert.Equal(made.Samples, sound.Samples.ToArray());
                }
            },
            iter: 300);

    // Whatever happens to the bytes: samples, or an exception of ours, in bounded memory. A file of a few kilobytes has no right to megabytes.
    [Fact]
    public void AnyDamage_EndsInSamplesOrInARefusal() =>
        Gen.Select(s_wav, Gen.Select(Gen.Int[0, 400], Gen.OneOf(Gen.Byte, Gen.OneOfConst<byte>(0, 1, 0x7F, 0x80, 0xFF))).Array[0, 12], Gen.Int[0, 5000], Gen.Bool).Sample(
            (made, changes, cut, pipe) =>
            {
                byte[] file = [.. made.File];
                foreach ((int at, byte value) in changes)
                    file[at % file.Length] = value;
                if (cut < file.Length)
                    file = file[..cut];

                long before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    Waveform sound = pipe ? ReadAsPipe(file, s_builtIn) : Read(file, s_builtIn);
                    Assert.NotEqual(0, sound.FrameCount);
                    Assert.InRange(sound.Samples.Length, 1, file.Length); // a sample takes a byte at least
                    Assert.DoesNotContain(sound.Samples.ToArray(), x => !float.IsFinite(x));
                }
                catch (AudioTokenException e)
                {
                    Assert.InRange(e.Code, 3000, 3999);
                    Assert.StartsWith("'test.wav'", e.Message);
                }

                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2_000_000);
            },
            iter: 3000);

    private static readonly AudioReadOptions s_builtIn = new() { UseLibsndfile = false };

    private static Made Make((int Tag, int Bits) format, int channels, int rate, int frames, int seed, string id, byte[][] junk, bool extensible)
    {
        Random random = new(seed);
        List<byte> data = [];
        float[] samples = new float[frames * channels];
        for (int i = 0; i < samples.Length; i++)
        {
            int level = random.Next(-(1 << 23), 1 << 23);
            (byte[] bytes, samples[i]) = Encode(format.Tag, format.Bits, level);
            data.AddRange(bytes);
        }

        byte[] fmt = extensible
            ? Extensible(channels, (uint)rate, format.Bits, format.Bits, [(byte)format.Tag, .. PcmGuid[1..]], mask: (uint)seed)
            : Format(format.Tag, channels, (uint)rate, format.Bits);
        bool is64 = id != "RIFF";
        byte[][] head = is64 ? [Chunk("ds64", [.. U64(0), .. U64((ulong)data.Count), .. U64(0), .. U32(0)])] : [];
        return new Made(File(id, [.. head, .. junk, fmt, .. junk, Chunk("data", [.. data], is64 ? 0xFFFFFFFF : null), .. data.Count > 0 ? junk : []]), channels, rate, samples);
    }

    // Bytes of one sample and the value that the format defines for them. level: 24 bits, signed.
    private static (byte[] Bytes, float Value) Encode(int tag, int bits, int level) => (tag, bits) switch
    {
        (1, 8) => ([(byte)((level >> 16) + 128)], (level >> 16) / 128f),
        (1, 16) => (U16(level >> 8), (level >> 8) / 32768f),
        (1, 24) => (U32((uint)level)[..3], level / 8388608f),
        (1, 32) => (U32((uint)(level << 8)), level / 8388608f),
        (3, 32) => (BitConverter.GetBytes(level / 8388608f), level / 8388608f),
        (3, 64) => (BitConverter.GetBytes((double)(level / 8388608f)), level / 8388608f),
        (6, _) => ([(byte)level], G711((byte)(level ^ 0x55), aLaw: true)),
        _ => ([(byte)level], G711((byte)~level, aLaw: false)),
    };

    // G.711 in steps of its piecewise linear curve, from the segment's base and step rather than by shifts.
    private static float G711(byte bits, bool aLaw)
    {
        (int segment, int step) = (bits >> 4 & 7, bits & 15);
        double magnitude = aLaw
            ? segment == 0 ? step * 16 + 8 : (256 + step * 16 + 8) * Math.Pow(2, segment - 1)
            : (132 + step * 8) * Math.Pow(2, segment) - 132;
        bool positive = aLaw == ((bits & 0x80) != 0);
        return (float)((positive ? magnitude : -magnitude) / 32768);
    }

    private sealed record Made(byte[] File, int Channels, int Rate, float[] Samples)
    {
        public override string ToString() => $"{Channels} ch, {Rate} Hz, {Samples.Length} samples: {Convert.ToHexString(File.AsSpan(0, Math.Min(File.Length, 120)))}";
    }
}
