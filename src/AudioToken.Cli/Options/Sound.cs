using AudioToken.Pipelines;

namespace AudioToken.Cli.Options;

/// <summary>What is heard: samples, or an audio token made of them before.</summary>
/// <param name="Name">Base name.</param>
/// <param name="Hash">SHA-256 of the file, lower-case hexadecimal; null for a stream.</param>
/// <param name="Samples">Mono samples at 16 kHz; empty if there is a token.</param>
/// <param name="Description">Format, and what was done.</param>
/// <param name="Warnings">What to look at.</param>
internal sealed record Sound(string Name, string? Hash, ReadOnlyMemory<float> Samples, string Description, IReadOnlyList<string> Warnings)
{
    /// <summary>The token, one value for each channel of the text encoder; empty if there are samples.</summary>
    public ReadOnlyMemory<float> Token { get; init; }

    /// <summary>What pictures of it are called where no name is given, without extension.</summary>
    public string Stem { get; init; } = Path.GetFileNameWithoutExtension(Name) is { Length: > 0 } stem ? stem : Name;

    /// <summary>How strongly it is meant.</summary>
    public float Weight { get; init; } = 1;

    /// <summary>The sound as part of a request.</summary>
    public SoundInput ToInput() => new() { Samples = Samples, Token = Token, Name = Name, Hash = Hash, Weight = Weight };
}
