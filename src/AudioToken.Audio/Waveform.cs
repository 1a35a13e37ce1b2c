namespace AudioToken.Audio;

/// <summary>A sound in memory: interleaved float samples, immutable.</summary>
public sealed class Waveform
{
    /// <summary>Wraps samples without copying them; the caller no longer changes them.</summary>
    /// <param name="samples">[frames, channels] interleaved, full scale at 1; channels of one instant stand together.</param>
    /// <param name="channels">Channels, at least 1.</param>
    /// <param name="sampleRateHz">Frames per second, at least 1.</param>
    /// <exception cref="ArgumentException">The samples do not divide into channels, or a number is out of range.</exception>
    public Waveform(ReadOnlyMemory<float> samples, int channels, int sampleRateHz)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleRateHz, 1);
        if (samples.Length % channels != 0)
            throw new ArgumentException($"{samples.Length} samples do not divide into {channels} channels.", nameof(samples));
        (Samples, Channels, SampleRateHz) = (samples, channels, sampleRateHz);
    }

    /// <summary>[frames, channels] interleaved samples, full scale at 1.</summary>
    public ReadOnlyMemory<float> Samples { get; }

    /// <summary>Channels.</summary>
    public int Channels { get; }

    /// <summary>Frames per second.</summary>
    public int SampleRateHz { get; }

    /// <summary>Instants: samples per channel.</summary>
    public int FrameCount => Samples.Length / Channels;

    /// <summary>Length in seconds.</summary>
    public double Seconds => (double)FrameCount / SampleRateHz;
}
