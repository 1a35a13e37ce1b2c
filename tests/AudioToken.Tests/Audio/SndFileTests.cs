using AudioToken.Audio;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Audio;

/// <summary>What libsndfile decodes, where it is installed. The files are made here byte by byte.</summary>
public sealed class SndFileTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"audiotoken-test-{Guid.NewGuid():N}");

    public SndFileTests() => Assert.SkipUnless(SndFileReader.IsAvailable, "libsndfile is not installed");

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Au_ReadsThroughLibsndfile(bool fromStream)
    {
        // AU: big-endian 16-bit PCM, data at 24.
        short[] samples = [0, 16384, -16384, 32767, -32768, 1];
        byte[] file = [.. ".snd"u8, .. Big(24), .. Big(12), .. Big(3), .. Big(22050), .. Big(2), .. samples.SelectMany(s => new[] { (byte)(s >> 8), (byte)s })];
        File.WriteAllBytes(_path, file);

        using AudioReader reader = fromStream ? AudioReader.Open(new PipeStream(file), "stdin") : AudioReader.Open(_path);
        Assert.Equal(("AU", 2, 22050, 3L), (reader.Format, reader.Channels, reader.SampleRateHz, reader.FrameCount));
        Assert.Equal(samples.Select(s => s / 32768f), reader.ReadToEnd().Samples.ToArray());
    }

    [Fact]
    public void SkipFrames_SeeksInTheFile()
    {
        byte[] file = [.. ".snd"u8, .. Big(24), .. Big(20000), .. Big(3), .. Big(16000), .. Big(1), .. Enumerable.Range(0, 10000).SelectMany(i => new[] { (byte)(i >> 8), (byte)i })];
        File.WriteAllBytes(_path, file);

        using AudioReader reader = AudioReader.Open(_path);
        float[] one = new float[1];
        Assert.Equal(7000, reader.SkipFrames(7000));
        Assert.Equal(1, reader.ReadFrames(one));
        Assert.Equal(7000 / 32768f, one[0]);
        Assert.Equal(2999, reader.SkipFrames(5000));
        Assert.Equal(0, reader.ReadFrames(one));
    }

    [Fact]
    public void DamagedFile_IsRefusedInOurWords()
    {
        File.WriteAllBytes(_path, [.. "fLaC"u8, .. new byte[100]]);
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioReader.Open(_path));
        Assert.StartsWith($"'{_path}' looks like FLAC, but libsndfile cannot read it: ", e.Message);
        Assert.Equal(3006, e.Code);
    }

    [Theory]
    [InlineData(10, 10, null)]
    [InlineData(10, 4, "its header claims 2.56 s, 1.024 s are there: it is cut off, what is there is used")]
    public void FlacThatIsCutOff_IsUsedWithAWarning(int told, int there, string? warning)
    {
        File.WriteAllBytes(_path, Flac(told, there));
        using AudioReader reader = AudioReader.Open(_path);
        Assert.Equal(4096L * told, reader.FrameCount);
        float[] samples = reader.ReadToEnd().Samples.ToArray();
        Assert.Equal(Enumerable.Repeat(0.5f, 4096 * there), samples);
        Assert.Equal(warning is null ? [] : [warning], reader.Warnings);
    }

    [Fact]
    public void CompressedStream_IsHeldToTheByteLimit()
    {
        PipeStream endless = new([.. "fLaC"u8, .. new byte[60]], endless: true, portion: 4096);
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioReader.Open(endless, "stdin", new AudioReadOptions { MaxInputBytes = 200_000 }));
        Assert.Equal("'stdin' goes on after 200,000 bytes, the most that is read.", e.Message);

        File.WriteAllBytes(_path, [.. "fLaC"u8, .. new byte[1000]]);
        Assert.Equal(3012, Assert.Throws<AudioFormatException>(() => AudioReader.Open(_path, new AudioReadOptions { MaxInputBytes = 500 })).Code);
    }

    [Theory]
    [InlineData("gaZzFfzDQ.wav")]
    public void WavByLibsndfile_EqualsOurs(string name)
    {
        string? path = SharedData.PathOf("vggsound/" + name);
        Assert.SkipWhen(path is null, $"vggsound/{name} is not here (third-party sound, not part of the repository)");
        using ByteSource source = new(File.OpenRead(path!), path!, null);
        using SndFileReader theirs = SndFileReader.Open(source, path, "WAV", new AudioReadOptions());
        Assert.Equal(AudioReader.Read(path!).Samples.ToArray(), theirs.ReadToEnd().Samples.ToArray());
    }

    [Theory]
    [InlineData(6)]
    [InlineData(7)]
    public void G711_EqualsLibsndfile(int tag)
    {
        byte[] file = WavBytes.File(WavBytes.Format(tag, 1, 8000, 8), WavBytes.Chunk("data", [.. Enumerable.Range(0, 256).Select(i => (byte)i)]));
        File.WriteAllBytes(_path, file);
        using ByteSource source = new(File.OpenRead(_path), _path, null);
        using SndFileReader theirs = SndFileReader.Open(source, _path, "WAV", new AudioReadOptions());
        Assert.Equal(theirs.ReadToEnd().Samples.ToArray(), AudioReader.Read(_path).Samples.ToArray());
    }

    [Fact]
    public void AdpcmInWav_GoesToLibsndfile()
    {
        // IMA ADPCM, mono: blocks of 36 bytes hold a first sample and 64 nibbles; all-zero nibbles decay towards nothing.
        byte[] format = WavBytes.Format(0x11, 1, 8000, 4, 36, [.. WavBytes.U16(2), .. WavBytes.U16(65)]);
        byte[] file = WavBytes.File(format, WavBytes.Chunk("fact", WavBytes.U32(65)), WavBytes.Chunk("data", [0x00, 0x10, 0, 0, .. new byte[32]]));
        File.WriteAllBytes(_path, file);

        Waveform sound = AudioReader.Read(_path);
        Assert.Equal(0x1000 / 32768f, sound.Samples.Span[0]);
        Assert.Equal(65, sound.FrameCount);
        Assert.Equal(3007, Assert.Throws<AudioFormatException>(() => AudioReader.Open(_path, new AudioReadOptions { UseLibsndfile = false })).Code);
    }

    private static byte[] Big(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    // 16 kHz, mono, 16 bits: blocks of 4096 equal samples, as RFC 9639 writes them.
    private static byte[] Flac(int told, int there)
    {
        long facts = 16000L << 44 | 15L << 36 | 4096L * told; // rate, channels less one, bits less one, samples
        List<byte> file = [.. "fLaC"u8, 0x80, 0, 0, 34, 16, 0, 16, 0, 0, 0, 0, 0, 0, 0, .. Big((int)(facts >> 32)), .. Big((int)facts), .. new byte[16]];
        for (int block = 0; block < there; block++)
        {
            List<byte> frame = [0xFF, 0xF8, 0xC5, 0x08, (byte)block]; // fixed blocks; 4096 at 16 kHz; mono of 16 bits
            frame.Add((byte)Crc(frame, 8, 0x07));
            frame.AddRange([0x00, 0x40, 0x00]); // one value throughout: half of full scale
            int crc = Crc(frame, 16, 0x8005);
            file.AddRange([.. frame, (byte)(crc >> 8), (byte)crc]);
        }

        return [.. file];
    }

    private static int Crc(IEnumerable<byte> bytes, int bits, int polynomial)
    {
        int crc = 0;
        foreach (byte value in bytes)
        {
            crc ^= value << (bits - 8);
            for (int bit = 0; bit < 8; bit++)
                crc = (crc << 1) ^ ((crc >> (bits - 1) & 1) * polynomial);
        }

        return crc & ((1 << bits) - 1);
    }
}
