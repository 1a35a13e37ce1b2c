using AudioToken.Audio;
using Xunit;
using static AudioToken.Tests.Audio.WavBytes;

namespace AudioToken.Tests.Audio;

public sealed class WavReaderTests
{
    private static readonly byte[] s_format = Format(1, 1, 16000, 16);

    [Theory]
    [InlineData(1, 8, new byte[] { 0, 128, 255 }, new[] { -1f, 0f, 127f / 128 })]
    [InlineData(1, 16, new byte[] { 0x00, 0x80, 0xFF, 0x7F, 0x01, 0x00 }, new[] { -1f, 32767f / 32768, 1f / 32768 })]
    [InlineData(1, 24, new byte[] { 0x00, 0x00, 0x80, 0xFF, 0xFF, 0x7F, 0x01, 0x00, 0x00 }, new[] { -1f, 8388607f / 8388608, 1f / 8388608 })]
    [InlineData(1, 32, new byte[] { 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x40 }, new[] { -1f, 0.5f })]
    [InlineData(3, 32, new byte[] { 0x00, 0x00, 0x40, 0xBF, 0x00, 0x00, 0x00, 0x40 }, new[] { -0.75f, 2f })]
    [InlineData(3, 64, new byte[] { 0, 0, 0, 0, 0, 0, 0xE8, 0xBF }, new[] { -0.75f })]
    // G.711: the largest magnitudes, the smallest, and one in the middle segments, on a scale of 32768.
    [InlineData(7, 8, new byte[] { 0x00, 0x80, 0xFF, 0x7F, 0xC0 }, new[] { -32124f / 32768, 32124f / 32768, 0f, 0f, 1884f / 32768 })]
    [InlineData(6, 8, new byte[] { 0x2A, 0xAA, 0xD5, 0x55, 0x80 }, new[] { -32256f / 32768, 32256f / 32768, 8f / 32768, -8f / 32768, 5504f / 32768 })]
    public void Samples_ScaleByTheirEncoding(int tag, int bits, byte[] data, float[] expected)
    {
        byte[] file = File(Format(tag, 1, 8000, bits), Chunk("data", data));

        Assert.Equal(expected, Read(file).Samples.ToArray());
        Assert.Equal(expected, ReadAsPipe(file).Samples.ToArray());
    }

    [Theory]
    [InlineData("RIFF")]
    [InlineData("RF64")]
    [InlineData("BW64")]
    public void EachContainer_IsRead(string id)
    {
        byte[] ds64 = id == "RIFF" ? [] : Chunk("ds64", [.. U64(1000), .. U64(200), .. U64(100), .. U32(0)]);
        byte[] file = File(id, ds64, s_format, Chunk("data", Ramp(100), size: id == "RIFF" ? null : 0xFFFFFFFF));

        using AudioReader reader = AudioReader.Open(new MemoryStream(file), "x");
        Assert.Equal((1, 16000, 100L), (reader.Channels, reader.SampleRateHz, reader.FrameCount));
        Assert.Equal("WAV, 16-bit PCM", reader.Format);
        Assert.Equal(100, reader.ReadToEnd().FrameCount);
        Assert.Empty(reader.Warnings);
    }

    [Fact]
    public void UnknownChunks_ArePassedOverWithTheirPadding()
    {
        byte[] file = File(Chunk("JUNK", new byte[27]), Chunk("bext", new byte[602]), s_format, Chunk("LIST", [1, 2, 3]), Chunk("data", Ramp(50)), Chunk("id3 ", new byte[9]));

        Waveform sound = Read(file);
        Assert.Equal(50, sound.FrameCount); // what follows the data is no sound
        Assert.Equal(sound.Samples.ToArray(), ReadAsPipe(file).Samples.ToArray());
    }

    [Fact]
    public void OddChunkWithoutPadding_IsRead()
    {
        byte[] file = File(Chunk("LIST", [1, 2, 3], pad: false), s_format, Chunk("abcd", [9], pad: false), Chunk("data", Ramp(50)));
        Assert.Equal(50, Read(file).FrameCount);
    }

    [Theory]
    [InlineData(0x003F)] // 5.1
    [InlineData(0x00000000)]
    [InlineData(0xFFFFFFFF)]
    public void Extensible_ReadsWhateverItsChannelMask(uint mask)
    {
        byte[] file = File(Extensible(6, 48000, 32, 24, PcmGuid, mask), Chunk("data", [.. Enumerable.Range(0, 24).SelectMany(i => U32((uint)i << 24))]));

        Waveform sound = Read(file);
        Assert.Equal((6, 48000, 4), (sound.Channels, sound.SampleRateHz, sound.FrameCount));
        Assert.Equal(7f / 128, sound.Samples.Span[7]);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0xFFFFFFFFu)]
    public void StreamedDataSize_ReadsToTheEndWithAWarning(uint size)
    {
        byte[] file = File(s_format, Chunk("data", Ramp(77), size));

        foreach (Stream stream in new Stream[] { new MemoryStream(file), new PipeStream(file) })
        {
            using AudioReader reader = AudioReader.Open(stream, "x");
            Assert.Equal(77, reader.ReadToEnd().FrameCount);
            Assert.Equal(["the data chunk does not say its size (a streamed recording): read to the end of the input"], reader.Warnings);
        }
    }

    [Fact]
    public void DataSizeBeyondTheFile_IsHeldToTheFileWithAWarning()
    {
        byte[] file = File(s_format, Chunk("data", Ramp(10), size: 0x7FFFFFF0));

        using AudioReader reader = AudioReader.Open(new MemoryStream(file), "x");
        Assert.Equal(10, reader.FrameCount);
        Assert.Equal(["the data chunk claims 2147483632 bytes, the file has 20: it is cut off, what is there is used"], reader.Warnings);
        Assert.Equal(10, reader.ReadToEnd().FrameCount);

        using AudioReader pipe = AudioReader.Open(new PipeStream(file), "x");
        Assert.Null(pipe.FrameCount);
        Assert.Equal(10, pipe.ReadToEnd().FrameCount);
        Assert.Equal(["the data chunk claims 2147483612 bytes more than the input has: it is cut off, what is there is used"], pipe.Warnings);
    }

    [Fact]
    public void EndInsideAFrame_UsesWholeFramesWithAWarning()
    {
        byte[] file = File(Format(1, 2, 16000, 16), Chunk("data", Ramp(21)[..41], size: 4000));

        using AudioReader reader = AudioReader.Open(new MemoryStream(file), "x");
        Assert.Equal(10, reader.ReadToEnd().FrameCount);
        Assert.Equal("the last 2 bytes are no whole frame of 4 bytes and are not used", reader.Warnings[1]); // 41 and the pad byte

        using AudioReader pipe = AudioReader.Open(new PipeStream(file[..^1]), "x");
        Assert.Equal(10, pipe.ReadToEnd().FrameCount);
        Assert.Equal("the last 1 bytes are no whole frame of 4 bytes and are not used", pipe.Warnings[1]);

        byte[] odd = File(Format(1, 2, 16000, 16), Chunk("data", Ramp(21)[..41]));
        foreach (Stream stream in new Stream[] { new MemoryStream(odd), new PipeStream(odd) })
        {
            using AudioReader whole = AudioReader.Open(stream, "x");
            Assert.Equal(10, whole.ReadToEnd().FrameCount);
            Assert.Equal(["the last 1 bytes are no whole frame of 4 bytes and are not used"], whole.Warnings);
        }
    }

    public static TheoryData<byte[], string, int> Lies() => new()
    {
        { Format(1, 0, 16000, 16), "'test.wav': the 'fmt ' chunk says channels 0; wanted 1 to 256.", 3009 },
        { Format(1, 65535, 16000, 8, 1), "'test.wav': the 'fmt ' chunk says channels 65535; wanted 1 to 256.", 3009 },
        { Format(1, 1, 0, 16), "'test.wav': the 'fmt ' chunk says sample rate 0; wanted 1 to 768000 Hz.", 3009 },
        { Format(1, 1, 4000000000, 16), "'test.wav': the 'fmt ' chunk says sample rate 4000000000; wanted 1 to 768000 Hz.", 3009 },
        { Format(1, 1, 16000, 0), "'test.wav': the 'fmt ' chunk says bits per sample 0; wanted 8, 16, 24 or 32 for PCM.", 3009 },
        { Format(1, 1, 16000, 7), "'test.wav': the 'fmt ' chunk says bits per sample 7; wanted 8, 16, 24 or 32 for PCM.", 3009 },
        { Format(1, 1, 16000, 64), "'test.wav': the 'fmt ' chunk says bits per sample 64; wanted 8, 16, 24 or 32 for PCM.", 3009 },
        { Format(3, 1, 16000, 16), "'test.wav': the 'fmt ' chunk says bits per sample 16; wanted 32 or 64 for float.", 3009 },
        { Format(7, 1, 16000, 16), "'test.wav': the 'fmt ' chunk says bits per sample 16; wanted 8 for mu-law and A-law.", 3009 },
        { Format(1, 2, 16000, 16, 3), "'test.wav': the 'fmt ' chunk says block align 3; wanted 4 (2 channels of 16 bits).", 3009 },
        { Extensible(1, 16000, 16, 24, PcmGuid), "'test.wav': the 'fmt ' chunk says valid bits per sample 24; wanted at most 16, the bits per sample.", 3009 },
        { Format(0xFFFE, 1, 16000, 16), "'test.wav' is not a whole WAV file: its 'fmt ' chunk is WAVE_FORMAT_EXTENSIBLE in 16 bytes; wanted 40.", 3008 },
        { Chunk("fmt ", new byte[14]), "'test.wav' is not a whole WAV file: its 'fmt ' chunk has 14 bytes; wanted at least 16.", 3008 },
        { [], "'test.wav' is not a whole WAV file: its 'data' chunk comes before any 'fmt ' chunk.", 3008 },
        { Format(2, 1, 16000, 4, 256), "'test.wav' is a WAV file whose samples are Microsoft ADPCM (tag 0x0002); wanted PCM, float, mu-law or A-law.", 3007 },
        { Format(0x55, 1, 16000, 0, 1), "'test.wav' is a WAV file whose samples are MP3 (tag 0x0055); wanted PCM, float, mu-law or A-law.", 3007 },
        { Format(0xBEEF, 1, 16000, 16), "'test.wav' is a WAV file whose samples are codec with tag 0xBEEF; wanted PCM, float, mu-law or A-law.", 3007 },
        {
            Extensible(1, 16000, 16, 16, [.. Enumerable.Range(0, 16).Select(i => (byte)i)]),
            "'test.wav' is a WAV file whose samples are codec with sub-format 03020100-0504-0706-0809-0a0b0c0d0e0f; wanted PCM, float, mu-law or A-law.", 3007
        },
    };

    [Theory, MemberData(nameof(Lies))]
    public void FormatThatCannotBe_IsRefusedWithFieldAndValue(byte[] format, string message, int code)
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => Read(File(format, Chunk("data", Ramp(10)))));
        Assert.Equal((message, code), (e.Message, e.Code));
    }

    [Fact]
    public void UnreadCodec_NamesWhatToDo()
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => Read(File(Format(0x55, 1, 16000, 0, 1), Chunk("data", [1, 2]))));
        Assert.Equal("Convert it: ffmpeg -i test.wav -ac 1 -ar 16000 out.wav (libsndfile, where installed, reads ADPCM and GSM).", e.Hint);
    }

    [Fact]
    public void MissingChunks_AreNamed()
    {
        static string Message(byte[] file) => Assert.Throws<AudioFormatException>(() => Read(file)).Message;

        Assert.Equal("'test.wav' is not a whole WAV file: it ends before any 'fmt ' chunk.", Message(File()));
        Assert.Equal("'test.wav' is not a whole WAV file: it ends before any 'data' chunk.", Message(File(s_format)));
        Assert.Equal("'test.wav' is not a whole WAV file: it ends inside its 'fmt ' chunk.", Message(File(s_format)[..30]));
        Assert.Equal("'test.wav' is not a whole WAV file: its 'ds64' chunk has 8 bytes or is cut off; wanted at least 24.", Message(File("RF64", Chunk("ds64", new byte[8]))));
    }

    [Fact]
    public void NoFrames_AreNoSamples()
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => Read(File(s_format, Chunk("data", []))));
        Assert.Equal("'test.wav' (WAV, 16-bit PCM) has no samples.", e.Message);
        Assert.Equal("'test.wav' is empty: no samples.", Assert.Throws<AudioFormatException>(() => Read([])).Message);
        Assert.Equal(3010, e.Code);
    }

    [Fact]
    public void AMillionTinyChunks_EndWithTheFile()
    {
        byte[] tiny = Chunk("tiny", []);
        byte[] many = new byte[1_000_000 * tiny.Length];
        for (int i = 0; i < many.Length; i++)
            many[i] = tiny[i % tiny.Length];

        Assert.Equal(5, Read(File(many, s_format, Chunk("data", Ramp(5)))).FrameCount);
        Assert.Equal("'test.wav' is not a whole WAV file: it ends before any 'fmt ' chunk.", Assert.Throws<AudioFormatException>(() => Read(File(many))).Message);
    }

    [Fact]
    public void EndlessChunks_EndAtTheByteLimit()
    {
        // The stream repeats its latter half: wherever that begins, chunks of size 0 or of at most 2 GB follow one another for ever.
        byte[] looped = [.. File(), .. Enumerable.Repeat(Chunk("tiny", []), 64).SelectMany(c => c)];

        AudioFormatException e = Assert.Throws<AudioFormatException>(() =>
            AudioReader.Open(new PipeStream(looped, endless: true, portion: 4096), "stdin", new AudioReadOptions { MaxInputBytes = 5_000_000 }));
        Assert.Equal("'stdin' goes on after 5,000,000 bytes, the most that is read.", e.Message);
        Assert.Equal(3012, e.Code);
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.NegativeInfinity, "-Infinity")]
    [InlineData(20000f, "20000")]
    public void SamplesThatAreNoSound_AreRefusedWithTheirPlace(float bad, string text)
    {
        float[] samples = new float[30000];
        samples[20001] = bad;
        byte[] file = File(Format(3, 2, 16000, 32), Chunk("data", [.. samples.SelectMany(BitConverter.GetBytes)]));

        AudioFormatException e = Assert.Throws<AudioFormatException>(() => Read(file));
        Assert.Equal($"'test.wav': the sample of channel 1 in frame 10000 is {text}; wanted finite numbers, full scale at 1.", e.Message);
        Assert.Equal(3011, e.Code);
    }

    [Fact]
    public void Sanitize_RepairsSamplesAndCountsThem()
    {
        float[] samples = [0.5f, float.NaN, -3e9f, float.PositiveInfinity, 2f];
        byte[] file = File(Format(3, 1, 16000, 32), Chunk("data", [.. samples.SelectMany(BitConverter.GetBytes)]));

        using AudioReader reader = AudioReader.Open(new MemoryStream(file), "x", new AudioReadOptions { Sanitize = true });
        Assert.Equal([0.5f, 0f, -1f, 0f, 2f], reader.ReadToEnd().Samples.ToArray());
        Assert.Equal(["3 samples that were not finite or beyond ±10000 were repaired"], reader.Warnings);
    }

    [Fact]
    public void SkipFrames_LandsOnTheFrameAfter()
    {
        byte[] file = File(s_format, Chunk("data", Ramp(100_000)));
        float[] expected = Read(file).Samples.ToArray();

        foreach (Stream stream in new Stream[] { new MemoryStream(file), new PipeStream(file, portion: 1000) })
        {
            using AudioReader reader = AudioReader.Open(stream, "x");
            float[] part = new float[10];
            Assert.Equal(10, reader.ReadFrames(part));
            Assert.Equal(70_000, reader.SkipFrames(70_000));
            Assert.Equal(10, reader.ReadFrames(part));
            Assert.Equal(expected[70_010..70_020], part);
            Assert.Equal(29_980, reader.SkipFrames(long.MaxValue));
            Assert.Equal(0, reader.ReadFrames(part));
        }
    }

    [Fact]
    public void WavWriter_RoundTripsSixteenBits()
    {
        float[] samples = [-1f, 0.99996948f, 0f, 0.5f / 32768, 1.5f / 32768, 2f, -2f, 0.25f];
        using MemoryStream stream = new();
        WavWriter.Write(stream, samples, channels: 2, sampleRateHz: 44100);

        Waveform sound = Read(stream.ToArray());
        Assert.Equal((2, 44100), (sound.Channels, sound.SampleRateHz));
        Assert.Equal([-1f, 32767f / 32768, 0f, 0f, 2f / 32768, 32767f / 32768, -1f, 0.25f], sound.Samples.ToArray());
    }
}
