namespace AudioToken.Pipelines;

/// <summary>One sound of a request: samples to be heard, or the audio token that was made of them before.</summary>
public sealed record SoundInput
{
    /// <summary>Mono samples at 16 kHz in [-1, 1], at least 2800 of them. Ignored if <see cref="Token"/> is given. The memory is not copied:
    /// it is to stay as it is until the request has ended.</summary>
    public ReadOnlyMemory<float> Samples { get; init; }

    /// <summary>An audio token, one value for each channel of the text encoder, in place of <see cref="Samples"/>.</summary>
    public ReadOnlyMemory<float> Token { get; init; }

    /// <summary>Factor on the token, 0 to 10: how strongly the sound is meant. 1 is as the embedder was trained, 0 a word without meaning.</summary>
    public float Weight { get; init; } = 1;

    /// <summary>Base name of the sound, for the picture's metadata; never a path.</summary>
    public string? Name { get; init; }

    /// <summary>SHA-256 of the sound file in lower-case hex, for the picture's metadata.</summary>
    public string? Hash { get; init; }
}
