using AudioToken.Audio;
using AudioToken.Tensors;
using CsCheck;
using Xunit;
using static AudioToken.Tests.Audio.WavBytes;

namespace AudioToken.Tests.Audio;

public sealed class AudioClipTests
{
    [Fact]
    public void Official_RepeatsTenTimesAndKeepsTenSeconds()
    {
        float[] three = Tone(3 * 16000);
        AudioClip clip = AudioClip.From(new Waveform(three, 1, 16000));
        Assert.Equal(160_000, clip.Samples.Length);
        for (int i = 0; i < 160_000; i++)
            Assert.Equal(three[i % three.Length], clip.Samples.Span[i]);
        Assert.Equal("samples; 3 s repeated to 10 s", clip.Description);
        Assert.Empty(clip.Warnings);

        float[] twelve = Tone(12 * 16000);
        AudioClip cut = AudioClip.From(new Waveform(twelve, 1, 16000), window: WindowPolicy.Official);
        Assert.Equal(twelve[..160_000], cut.Samples.ToArray()); // 16 kHz, untouched bit for bit
        Assert.Equal("samples; first 10 s", cut.Description);
    }

    [Fact]
    public void Official_OnAShortSoundGivesTenTimesIt()
    {
        AudioClip clip = AudioClip.From(new Waveform(Tone(280), 1, 16000));
        Assert.Equal(2800, clip.Samples.Length);
        Assert.Equal(10 * 280, AudioClip.MinimumSamples);

        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioClip.From(new Waveform(Tone(160), 1, 16000), "click.wav"));
        Assert.Equal("'click.wav': the window has 1600 samples (100 ms at 16 kHz); the encoder needs at least 2800 (175 ms).", e.Message);
        Assert.Equal("The window 'official' repeats a short sound ten times: it takes sounds from 17.5 ms on.", e.Hint);
        Assert.Equal(3013, e.Code);
    }

    [Theory]
    [InlineData("whole")]
    [InlineData("center")]
    [InlineData("loudest")]
    [InlineData("start:0,dur:1")]
    public void OtherWindows_RefuseAShortSoundWithTheMinimum(string window)
    {
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioClip.From(new Waveform(Tone(2799), 1, 16000), "x", window: WindowPolicy.Parse(window)));
        Assert.Equal("'x': the window has 2799 samples (174.9 ms at 16 kHz); the encoder needs at least 2800 (175 ms).", e.Message);
        Assert.Equal(2800, AudioClip.From(new Waveform(Tone(2800), 1, 16000), window: WindowPolicy.Parse(window)).Samples.Length);
    }

    [Fact]
    public void Whole_WarnsWhenLongAndRefusesWhenTooLong()
    {
        Assert.Empty(AudioClip.From(new Waveform(Tone(30 * 16000), 1, 16000), window: WindowPolicy.Whole).Warnings);
        AudioClip half = AudioClip.From(new Waveform(Tone(31 * 16000), 1, 16000), window: WindowPolicy.Whole);
        Assert.Equal(31 * 16000, half.Samples.Length);
        Assert.Equal(["the whole sound is 31 s long: the model learnt from 10 s or less, and the encoder's time and memory grow with the square of the length"], half.Warnings);

        foreach (bool known in new[] { true, false })
        {
            using AudioReader reader = AudioReader.Open(LongSound(3 * 3600, known), "talk.wav");
            AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioClip.From(reader, window: WindowPolicy.Whole, cancellation: Cancel));
            Assert.Equal($"'talk.wav' lasts {(known ? "10800 s" : "more than 120 s")}; the window 'whole' takes at most 120 s.", e.Message);
            Assert.Equal(3014, e.Code);
        }
    }

    [Fact]
    public void Center_TakesTheMiddle()
    {
        float[] x = Tone(25 * 16000);
        byte[] file = File(Format(3, 1, 16000, 32), Chunk("data", [.. x.SelectMany(BitConverter.GetBytes)]));
        int start = (x.Length - 160_000) / 2;

        foreach (Stream stream in new Stream[] { new MemoryStream(file), new PipeStream(file, portion: 10_000) })
        {
            using AudioReader reader = AudioReader.Open(stream, "x");
            AudioClip clip = AudioClip.From(reader, window: WindowPolicy.Center, cancellation: Cancel);
            Assert.Equal(x[start..(start + 160_000)], clip.Samples.ToArray());
            Assert.Equal("WAV, 32-bit float; 10 s from 7.5 s on (center)", clip.Description);
        }
    }

    [Fact]
    public void Loudest_FindsTheLoudPart()
    {
        float[] x = Tone(60 * 16000, 0.01f);
        for (int i = 0; i < 10 * 16000; i++)
            x[33 * 16000 + 4800 + i] *= 50; // 33.3 s to 43.3 s
        AudioClip clip = AudioClip.From(new Waveform(x, 1, 16000), window: WindowPolicy.Loudest);
        Assert.Equal(x[(33 * 16000 + 4800)..(43 * 16000 + 4800)], clip.Samples.ToArray());
        Assert.Equal("samples; 10 s from 33.3 s on (loudest)", clip.Description);
    }

    [Fact]
    public void Slice_TakesItsPartOrWarns()
    {
        float[] x = Tone(5 * 16000);
        Waveform sound = new(x, 1, 16000);
        AudioClip clip = AudioClip.From(sound, window: WindowPolicy.Slice(1.5, 2));
        Assert.Equal(x[24000..56000], clip.Samples.ToArray());
        Assert.Equal("samples; 2 s from 1.5 s on", clip.Description);

        Assert.Equal(["the sound ends 1 s after the window's start: 10 s were asked for"], AudioClip.From(sound, window: WindowPolicy.Parse("start:4")).Warnings);
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioClip.From(sound, "x", window: WindowPolicy.Slice(5, 1)));
        Assert.Equal("'x' ends before 5 s, where the window begins.", e.Message);
        Assert.Equal(3015, e.Code);
    }

    // A window in the middle is read from the middle on: the result is that of resampling everything, to the bit.
    [Fact]
    public void SliceOfAResampledSound_EqualsTheSamePartOfTheWhole()
    {
        float[] x = Tone(44100 * 3);
        Gen.Select(Gen.OneOfConst(8000, 11025, 12345, 44100, 48000, 96000), Gen.Double[0, 1.2], Gen.Bool).Sample(
            (rate, start, best) =>
            {
                ResampleFilter filter = best ? ResampleFilter.Best : ResampleFilter.Torchaudio;
                Waveform sound = new(x.AsMemory(0, rate * 5 / 4 + 7), 1, rate);
                float[] whole = Resampler.Resample(sound.Samples.Span, rate, 16000, filter);
                int first = (int)Math.Round(start * 16000);
                AudioClip clip = AudioClip.From(new Waveform(sound.Samples, 1, rate), window: WindowPolicy.Slice(Math.Min(start, 1), 0.2), filter: filter);
                first = Math.Min(first, 16000);
                Assert.Equal(whole[first..(first + 3200)], clip.Samples.ToArray());
            },
            iter: 25);
    }

    [Theory]
    [InlineData("mean", new[] { 0.25f, -0.25f }, "samples; mean of 2 channels; 0.175 s from 0 s on")]
    [InlineData("first", new[] { 0.5f, 0.5f }, "samples; channel 0 of 2; 0.175 s from 0 s on")]
    [InlineData("1", new[] { 0f, -1f }, "samples; channel 1 of 2; 0.175 s from 0 s on")]
    public void Channels_MixAsTold(string policy, float[] expected, string description)
    {
        float[] stereo = [.. Enumerable.Range(0, 2800).SelectMany(i => i % 2 == 0 ? new[] { 0.5f, 0f } : [0.5f, -1f])];
        AudioClip clip = AudioClip.From(new Waveform(stereo, 2, 16000), channels: ChannelPolicy.Parse(policy), window: WindowPolicy.Slice(0, 0.175));
        Assert.Equal(expected, clip.Samples[..2].ToArray());
        Assert.Equal(description, clip.Description);
    }

    [Fact]
    public void EqualChannels_AreTheMonoSound() =>
        Gen.Select(Gen.Int[1, 16], Gen.OneOfConst(16000, 44100), Gen.Float[-1, 1].Array[3000, 9000]).Sample(
            (channels, rate, mono) =>
            {
                float[] many = [.. mono.SelectMany(x => Enumerable.Repeat(x, channels))];
                Assert.Equal(AudioClip.From(new Waveform(mono, 1, rate)).Samples.ToArray(), AudioClip.From(new Waveform(many, channels, rate)).Samples.ToArray());
            },
            iter: 20);

    [Fact]
    public void ChannelBeyondTheLast_IsRefused()
    {
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => AudioClip.From(new Waveform(new float[6], 2, 16000), "x.wav", ChannelPolicy.Index(2)));
        Assert.Equal("'x.wav' has 2 channels; channel 2 was asked for, wanted 0 to 1.", e.Message);
        Assert.Equal(2104, e.Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Mean")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("99999999999")]
    public void ChannelText_ThatIsNoneIsRefused(string text)
    {
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => ChannelPolicy.Parse(text));
        Assert.Equal($"channel '{text}': wanted 'mean', 'first' or a number counted from 0.", e.Message);
        Assert.Equal(2101, e.Code);
    }

    [Theory]
    [InlineData("official")]
    [InlineData("whole")]
    [InlineData("center")]
    [InlineData("loudest")]
    [InlineData("start:2.5,dur:0.175")]
    public void WindowText_RoundTrips(string text) => Assert.Equal(text, WindowPolicy.Parse(text).ToString());

    [Theory]
    [InlineData("", "window '': wanted official, whole, center, loudest or start:S,dur:D with seconds S and D.")]
    [InlineData("middle", "window 'middle': wanted official, whole, center, loudest or start:S,dur:D with seconds S and D.")]
    [InlineData("start:1,2", "window 'start:1,2': wanted official, whole, center, loudest or start:S,dur:D with seconds S and D.")]
    [InlineData("start:x,dur:2", "window 'start:x,dur:2': wanted official, whole, center, loudest or start:S,dur:D with seconds S and D.")]
    [InlineData("start:-1,dur:2", "window 'start:-1,dur:2': start is '-1'; wanted 0 or more seconds.")]
    [InlineData("start:NaN", "window 'start:NaN': start is 'NaN'; wanted 0 or more seconds.")]
    [InlineData("start:0,dur:0", "window 'start:0,dur:0': dur is '0'; wanted 0.175 to 120 seconds.")]
    [InlineData("start:0,dur:121", "window 'start:0,dur:121': dur is '121'; wanted 0.175 to 120 seconds.")]
    [InlineData("start:0,dur:Infinity", "window 'start:0,dur:Infinity': dur is 'Infinity'; wanted 0.175 to 120 seconds.")]
    public void WindowText_ThatIsNoneIsRefused(string text, string message)
    {
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => WindowPolicy.Parse(text));
        Assert.Equal(message, e.Message);
        Assert.Equal(2102, e.Code);
    }

    [Theory]
    [InlineData(0f, 0f, true)]
    [InlineData(0.5f, 0f, true)] // a constant is no sound
    [InlineData(0f, 0.0013f, true)] // a tone of -60.7 dBFS
    [InlineData(0f, 0.0015f, false)]
    public void Silence_WarnsAndWorks(float level, float amplitude, bool silent)
    {
        float[] x = [.. Tone(16000, amplitude).Select(v => v + level)];
        AudioClip clip = AudioClip.From(new Waveform(x, 1, 16000));
        Assert.Equal(silent ? ["silent (below -60 dBFS): the token carries little"] : [], clip.Warnings);
        Assert.All(Fbank.Compute(clip.Samples.Span), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void ClickAndClippedSound_Work()
    {
        float[] click = new float[16000], clipped = [.. Tone(16000, 5).Select(v => Math.Clamp(v, -1f, 32767f / 32768))];
        click[777] = 1;
        foreach (float[] x in new[] { click, clipped })
        {
            AudioClip clip = AudioClip.From(new Waveform(x, 1, 16000));
            Assert.Empty(clip.Warnings);
            Assert.All(Fbank.Compute(clip.Samples.Span), value => Assert.True(float.IsFinite(value)));
        }
    }

    [Fact]
    public void ThreeHours_TakeNoMoreMemoryThanTheirWindow()
    {
        foreach (string window in new[] { "official", "center", "loudest", "start:9000,dur:10" })
        {
            using AudioReader reader = AudioReader.Open(LongSound(3 * 3600, knowsLength: true), "long.wav");
            long before = GC.GetAllocatedBytesForCurrentThread();
            AudioClip clip = AudioClip.From(reader, window: WindowPolicy.Parse(window), cancellation: Cancel);
            Assert.Equal(160_000, clip.Samples.Length);
            // All that was allocated, live or not: three windows of 640 kB in growing arrays, filters and blocks. Three hours would be 691 MB.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000_000);
        }
    }

    [Fact]
    public void CenterOfAnEndlessStream_EndsWithAReason()
    {
        using AudioReader reader = AudioReader.Open(LongSound(3 * 3600, knowsLength: false), "stdin");
        AudioFormatException e = Assert.Throws<AudioFormatException>(() => AudioClip.From(reader, window: WindowPolicy.Center, cancellation: Cancel));
        Assert.Equal("'stdin' is a stream that goes on after 30 minutes; the window 'center' has to know where it ends.", e.Message);
    }

    [Fact]
    public void Official_ReadsNoMoreThanItNeeds()
    {
        PipeStream endless = new([.. File(Format(1, 1, 48000, 16), Chunk("data", Ramp(1000), 0xFFFFFFFF))], endless: true, portion: 4096);
        using AudioReader reader = AudioReader.Open(endless, "stdin");
        Assert.Equal(160_000, AudioClip.From(reader, cancellation: Cancel).Samples.Length);
        Assert.InRange(endless.Given, 10 * 48000 * 2, 10 * 48000 * 2 + 200_000);
    }

    [Fact]
    public void Cancellation_StopsTheReading()
    {
        using AudioReader reader = AudioReader.Open(LongSound(3 * 3600, knowsLength: true), "long.wav");
        Assert.Throws<OperationCanceledException>(() => AudioClip.From(reader, window: WindowPolicy.Loudest, cancellation: new CancellationToken(true)));
    }

    [Fact]
    public void Description_TellsEveryStep()
    {
        using AudioReader reader = AudioReader.Open(new MemoryStream(File(Format(1, 2, 44100, 16), Chunk("data", Ramp(88200)))), "x");
        Assert.Equal("WAV, 16-bit PCM; mean of 2 channels; 44100 Hz -> 16000 Hz; 1 s repeated to 10 s", AudioClip.From(reader, cancellation: Cancel).Description);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static float[] Tone(int samples, float amplitude = 0.5f) => [.. Enumerable.Range(0, samples).Select(n => amplitude * (float)Math.Sin(0.01 * n + 1e-6 * n * n))];

    private static LongWav LongSound(int seconds, bool knowsLength) => new(seconds, knowsLength);

    /// <summary>A WAV file, 16 kHz 8-bit mono, that is never in memory: its samples are computed where they are read.</summary>
    private sealed class LongWav : Stream
    {
        private readonly byte[] _header;
        private readonly bool _knowsLength;
        private readonly long _length;

        public LongWav(int seconds, bool knowsLength)
        {
            long samples = seconds * 16000L;
            _header = File(Format(1, 1, 16000, 8), Chunk("data", [], (uint)samples));
            (_knowsLength, _length) = (knowsLength, _header.Length + samples);
        }

        public override bool CanRead => true;

        public override bool CanSeek => _knowsLength;

        public override bool CanWrite => false;

        public override long Length => _knowsLength ? _length : throw new NotSupportedException();

        public override long Position { get; set; }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int count = (int)Math.Min(buffer.Length, _length - Position);
            for (int i = 0, at = (int)Position; i < count; i++, at++)
                buffer[i] = (byte)(at & 127);
            for (int i = 0; i < count && Position + i < _header.Length; i++)
                buffer[i] = _header[Position + i];
            Position += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
