using System.Buffers;
using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>An open sound: its format, and its samples block by block, so that length costs no memory.</summary>
/// <remarks>What a file is, its content decides, never its name. WAV (RIFF, RF64, BW64) and headerless PCM are read here; FLAC, Ogg Vorbis, Opus, MP3,
/// AIFF and others through libsndfile where it is installed. Not for use by two threads at once.</remarks>
public abstract class AudioReader : IDisposable
{
    /// <summary>Samples beyond this are no sound: refused, or repaired with <see cref="AudioReadOptions.Sanitize"/>.</summary>
    public const float LargestSample = 1e4f;

    private readonly List<string> _warnings = [];
    private readonly bool _sanitize;
    private long _framesRead;
    private long _repaired;

    private protected AudioReader(string name, string format, int channels, int sampleRateHz, bool sanitize)
    {
        (Name, Format, Channels, SampleRateHz, _sanitize) = (name, format, channels, sampleRateHz, sanitize);
    }

    /// <summary>Where the sound comes from, as the caller named it.</summary>
    public string Name { get; }

    /// <summary>Container and encoding, e.g. <c>WAV, 16-bit PCM</c>.</summary>
    public string Format { get; }

    /// <summary>Channels, 1 to 256.</summary>
    public int Channels { get; }

    /// <summary>Frames per second, 1 to 768,000.</summary>
    public int SampleRateHz { get; }

    /// <summary>Frames (samples per channel) in all, or null where only reading to the end tells.</summary>
    public abstract long? FrameCount { get; }

    /// <summary>What was odd about the input so far but did not stop it, for the user to see; grows while reading.</summary>
    public IReadOnlyList<string> Warnings => _repaired == 0 ? _warnings
        : [.. _warnings, $"{_repaired} samples that were not finite or beyond ±10000 were repaired"];

    /// <summary>Opens a file.</summary>
    /// <param name="path">File, device or pipe; taken literally, whatever characters it holds.</param>
    /// <param name="options">How to read it; null means the defaults.</param>
    /// <exception cref="AudioFormatException">There is no such file, or it is not a sound that can be read here.</exception>
    /// <exception cref="AudioTokenException">The system refuses to give the bytes (8101).</exception>
    public static AudioReader Open(string path, AudioReadOptions? options = null)
    {
        options ??= new AudioReadOptions();
        return AudioOpener.Open(AudioOpener.OpenFile(path), path, path, options);
    }

    /// <summary>Opens a stream, seekable or not (standard input, a network body). The reader disposes of it.</summary>
    /// <param name="stream">Bytes from the sound's first.</param>
    /// <param name="name">What messages call it, e.g. <c>stdin</c>.</param>
    /// <param name="options">How to read it; null means the defaults.</param>
    /// <inheritdoc cref="Open(string, AudioReadOptions?)" path="/exception"/>
    public static AudioReader Open(Stream stream, string name, AudioReadOptions? options = null) =>
        AudioOpener.Open(stream, name, path: null, options ?? new AudioReadOptions());

    /// <summary>Reads a whole file into memory.</summary>
    /// <inheritdoc cref="Open(string, AudioReadOptions?)"/>
    public static Waveform Read(string path, AudioReadOptions? options = null)
    {
        using AudioReader reader = Open(path, options);
        return reader.ReadToEnd();
    }

    /// <summary>Reads a whole stream into memory.</summary>
    /// <inheritdoc cref="Open(Stream, string, AudioReadOptions?)"/>
    public static Waveform Read(Stream stream, string name, AudioReadOptions? options = null)
    {
        using AudioReader reader = Open(stream, name, options);
        return reader.ReadToEnd();
    }

    /// <summary>Reads the next frames.</summary>
    /// <param name="interleaved">Filled with whole frames, channels together; room for at least one frame.</param>
    /// <returns>Frames read; 0 at the end.</returns>
    /// <exception cref="AudioFormatException">A sample is not finite or beyond <see cref="LargestSample"/> (unless sanitised), or there are too many bytes.</exception>
    public int ReadFrames(Span<float> interleaved)
    {
        if (interleaved.Length < Channels)
            throw new ArgumentException($"room for {interleaved.Length} samples; a frame has {Channels}.", nameof(interleaved));
        int frames = ReadCore(interleaved[..(interleaved.Length / Channels * Channels)]);
        Inspect(interleaved[..(frames * Channels)]);
        _framesRead += frames;
        return frames;
    }

    /// <summary>Passes over frames without decoding them where the input allows.</summary>
    /// <returns>Frames passed; fewer than asked only at the end.</returns>
    public long SkipFrames(long frames)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        long skipped = SkipCore(frames);
        _framesRead += skipped;
        return skipped;
    }

    /// <summary>Reads all that is left into memory.</summary>
    /// <exception cref="AudioFormatException">There are no samples, more than one array holds, or <see cref="ReadFrames"/> refuses one.</exception>
    public Waveform ReadToEnd()
    {
        ArrayBufferWriter<float> samples = new(); // grows with what arrives, not with what a header claims
        for (int frames = -1; frames != 0;)
        {
            if (samples.WrittenCount > Array.MaxLength / 2 - (1 << 20))
            {
                throw new AudioFormatException(AudioErrorCode.TooLong, $"{Quoted.Text(Name)} has more samples than fit in memory at once.",
                    "Read it in blocks, or choose a window.");
            }

            frames = ReadFrames(samples.GetSpan(Math.Max(4096, Channels)));
            samples.Advance(frames * Channels);
        }

        if (samples.WrittenCount == 0)
            throw NoSamples();
        return new Waveform(samples.WrittenMemory, Channels, SampleRateHz);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    internal AudioFormatException NoSamples() =>
        new(AudioErrorCode.NoSamples, $"{Quoted.Text(Name)} ({Format}) has no samples.", "Was the recording cut off or the download empty?");

    private protected abstract int ReadCore(Span<float> interleaved);

    private protected abstract long SkipCore(long frames);

    private protected abstract void Dispose(bool disposing);

    private protected void Warn(string warning) => _warnings.Add(warning);

    private void Inspect(Span<float> samples)
    {
        for (int i = samples.IndexOfAnyExceptInRange(-LargestSample, LargestSample); i >= 0 && i < samples.Length; i++)
        {
            float value = samples[i];
            if (Math.Abs(value) <= LargestSample)
                continue;
            if (!_sanitize)
            {
                throw new AudioFormatException(AudioErrorCode.BadSample,
                    string.Create(CultureInfo.InvariantCulture,
                        $"{Quoted.Text(Name)}: the sample of channel {i % Channels} in frame {_framesRead + i / Channels} is {value}; wanted finite numbers, full scale at 1."),
                    "The file is damaged or not of the format it claims; --sanitize (in a program AudioReadOptions.Sanitize) repairs such samples.");
            }

            samples[i] = float.IsFinite(value) ? Math.Sign(value) : 0;
            _repaired++;
        }
    }
}
