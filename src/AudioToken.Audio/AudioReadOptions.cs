namespace AudioToken.Audio;

/// <summary>How a sound is opened.</summary>
public sealed record AudioReadOptions
{
    /// <summary>Most bytes read from a file where nothing else is said: 4 GiB.</summary>
    public const long DefaultMaxFileBytes = 4L << 30;

    /// <summary>Most bytes read from a stream of unknown length where nothing else is said: 1 GiB.</summary>
    public const long DefaultMaxStreamBytes = 1L << 30;

    /// <summary>Most bytes to read before the sound is refused as endless; null means the defaults above.</summary>
    public long? MaxInputBytes { get; init; }

    /// <summary>Repair samples that are not finite (to 0) or beyond +-10,000 (to +-1) and warn, instead of refusing the sound.</summary>
    public bool Sanitize { get; init; }

    /// <summary>Layout of headerless PCM, or null where the input names its own format. A WAV header, if there is one, wins over it.</summary>
    public RawAudioFormat? Raw { get; init; }

    /// <summary>Whether formats other than WAV may go to libsndfile where it is installed.</summary>
    public bool UseLibsndfile { get; init; } = true;
}
