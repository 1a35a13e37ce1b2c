using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>What the encoder hears: a mono 16 kHz window of a sound, with a record of how it was made.</summary>
public sealed class AudioClip
{
    /// <summary>Sample rate, Hz.</summary>
    public const int SampleRateHz = 16000;

    /// <summary>Fewest samples the encoder can take: 16 frames, one patch of BEATs, 175 ms.</summary>
    public const int MinimumSamples = 2800;

    // -60 dB below full scale; less than that is the noise of a microphone's converter.
    private const double SilenceRms = 1e-3;
    private const int BlockSamples = 1 << 14;

    private AudioClip(float[] samples, string description, string[] warnings) =>
        (Samples, Description, Warnings) = (samples, description, warnings);

    /// <summary>[T] mono samples, full scale at 1; T is at least <see cref="MinimumSamples"/>.</summary>
    public ReadOnlyMemory<float> Samples { get; }

    /// <summary>What was read and done, e.g. <c>WAV, 16-bit PCM; mean of 2 channels; 44100 Hz -> 16000 Hz; first 10 s</c>.</summary>
    public string Description { get; }

    /// <summary>What the user should know: oddities of the input, silence, great length.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Length in seconds.</summary>
    public double Seconds => (double)Samples.Length / SampleRateHz;

    /// <summary>Reads one window of a file.</summary>
    /// <param name="path">File, device or pipe.</param>
    /// <param name="options">How to read it; null means the defaults.</param>
    /// <param name="channels">How to mix down; null means the mean.</param>
    /// <param name="window">Which part; null means <see cref="WindowPolicy.Official"/>.</param>
    /// <param name="filter">Resampling filter; null means <see cref="ResampleFilter.Torchaudio"/>.</param>
    /// <param name="cancellation">Checked at every block.</param>
    /// <exception cref="AudioFormatException">The sound cannot be read, is empty, or its window is too short or too long.</exception>
    /// <exception cref="AudioTokenException">The system refuses to give the bytes (8101), or the sound lacks the channel (2104).</exception>
    public static AudioClip Load(
        string path, AudioReadOptions? options = null, ChannelPolicy? channels = null, WindowPolicy? window = null, ResampleFilter? filter = null,
        CancellationToken cancellation = default)
    {
        using AudioReader reader = AudioReader.Open(path, options);
        return From(reader, channels, window, filter, cancellation);
    }

    /// <summary>Takes one window of a sound in memory.</summary>
    /// <param name="waveform">The sound.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="channels">How to mix down; null means the mean.</param>
    /// <param name="window">Which part; null means <see cref="WindowPolicy.Official"/>.</param>
    /// <param name="filter">Resampling filter; null means <see cref="ResampleFilter.Torchaudio"/>.</param>
    /// <exception cref="AudioFormatException">The sound is empty, holds a sample that is not finite, or its window is too short or too long.</exception>
    public static AudioClip From(
        Waveform waveform, string name = "the sound", ChannelPolicy? channels = null, WindowPolicy? window = null, ResampleFilter? filter = null)
    {
        using MemoryReader reader = new(waveform, name);
        return From(reader, channels, window, filter);
    }

    /// <summary>Reads one window of an open sound: no more of it than the window needs, in memory that does not grow with its length.</summary>
    /// <param name="reader">A sound of which nothing has been read; the caller disposes of it.</param>
    /// <param name="channels">How to mix down; null means the mean.</param>
    /// <param name="window">Which part; null means <see cref="WindowPolicy.Official"/>.</param>
    /// <param name="filter">Resampling filter; null means <see cref="ResampleFilter.Torchaudio"/>.</param>
    /// <param name="cancellation">Checked at every block.</param>
    /// <inheritdoc cref="Load" path="/exception"/>
    public static AudioClip From(
        AudioReader reader, ChannelPolicy? channels = null, WindowPolicy? window = null, ResampleFilter? filter = null, CancellationToken cancellation = default)
    {
        channels ??= ChannelPolicy.Mean;
        string? mixed = channels.Describe(reader.Name, reader.Channels);
        Resampler resampler = new(reader.SampleRateHz, SampleRateHz, filter);
        WindowCollector collector = (window ?? WindowPolicy.Official).Collect(reader.FrameCount is { } frames ? resampler.OutputLength(frames) : null);
        if (!Gather(reader, channels, resampler, collector, cancellation))
            throw reader.NoSamples();

        List<string> warnings = [];
        float[] samples = collector.Finish(reader.Name, warnings, out string windowed);
        if (samples.Length < MinimumSamples)
        {
            throw new AudioFormatException(AudioErrorCode.TooShort,
                string.Create(CultureInfo.InvariantCulture,
                    $"{Quoted.Text(reader.Name)}: the window has {samples.Length} samples ({samples.Length / 16.0:0.#} ms at 16 kHz); the encoder needs at least {MinimumSamples} (175 ms)."),
                "The window 'official' repeats a short sound ten times: it takes sounds from 17.5 ms on.");
        }

        if (IsSilent(samples))
            warnings.Add("silent (below -60 dBFS): the token carries little");
        string[] steps = [$"{reader.Format}", .. mixed is null ? [] : new[] { mixed },
            .. reader.SampleRateHz == SampleRateHz ? [] : new[] { $"{reader.SampleRateHz} Hz -> {SampleRateHz} Hz" }, windowed];
        return new AudioClip(samples, string.Join("; ", steps), [.. reader.Warnings, .. warnings]);
    }

    // False if the sound has no samples at all.
    private static bool Gather(AudioReader reader, ChannelPolicy channels, Resampler resampler, WindowCollector collector, CancellationToken cancellation)
    {
        // Pass over whole periods of the resampler, so that its phases stand as if it had heard everything, up to where its filter begins to reach.
        long periods = Math.Max(0, collector.Skip / resampler.OutputPeriod - (resampler.Reach + resampler.InputPeriod - 1) / resampler.InputPeriod);
        bool any = false;
        if (periods > 0)
        {
            long wanted = periods * resampler.InputPeriod;
            long passed = reader.SkipFrames(wanted);
            any = passed > 0;
            if (passed < wanted)
                return any;
        }

        long discard = collector.Skip - periods * resampler.OutputPeriod;
        // A block's output stays small too: a low rate makes many samples of one.
        int blockFrames = (int)Math.Clamp((long)BlockSamples * reader.SampleRateHz / SampleRateHz, 1, BlockSamples);
        float[] interleaved = new float[blockFrames * reader.Channels], mono = new float[blockFrames];
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            int read = reader.ReadFrames(interleaved);
            any |= read > 0;
            channels.Mix(interleaved.AsSpan(0, read * reader.Channels), reader.Channels, mono.AsSpan(0, read));
            ReadOnlySpan<float> output = read > 0 ? resampler.Process(mono.AsSpan(0, read)) : resampler.Finish();
            int drop = (int)Math.Min(discard, output.Length);
            discard -= drop;
            if ((output.Length > drop && !collector.Add(output[drop..])) || read == 0)
                return any;
        }
    }

    // Without its mean: a constant is no sound.
    private static bool IsSilent(float[] samples)
    {
        double mean = 0, power = 0;
        foreach (float sample in samples)
            mean += sample;
        mean /= samples.Length;
        foreach (float sample in samples)
            power += (sample - mean) * (sample - mean);
        return Math.Sqrt(power / samples.Length) < SilenceRms;
    }
}
