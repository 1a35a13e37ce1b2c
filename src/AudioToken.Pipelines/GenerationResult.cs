using AudioToken.Pipelines.Imaging;

namespace AudioToken.Pipelines;

/// <summary>One finished picture.</summary>
/// <param name="Index">Position in the request, from 0.</param>
/// <param name="Seed">The seed that gives this very picture alone.</param>
/// <param name="Pixels">The picture.</param>
/// <param name="Parameters">What made it, for its metadata.</param>
public sealed record GeneratedImage(int Index, ulong Seed, ImageBuffer Pixels, GenerationParameters Parameters);

/// <summary>What a generation gave.</summary>
public sealed record GenerationResult
{
    /// <summary>The pictures, in order of their seeds.</summary>
    public required IReadOnlyList<GeneratedImage> Images { get; init; }

    /// <summary>The audio token of each sound, one value for each channel of the text encoder, before its weight.</summary>
    public required IReadOnlyList<ReadOnlyMemory<float>> AudioTokens { get; init; }

    /// <summary>The audio token of the first sound.</summary>
    public ReadOnlyMemory<float> AudioToken => AudioTokens[0];

    /// <summary>Things the user should know, e.g. that the prompt was cut.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Wall time of each stage.</summary>
    public required StageTimes Times { get; init; }
}

/// <summary>Wall time of each stage of one generation.</summary>
/// <param name="Sound">Log-mel features, BEATs and embedder.</param>
/// <param name="Text">Text encoder, and what of the UNet depends on text and times only.</param>
/// <param name="Denoising">All UNet calls and sampler steps.</param>
/// <param name="Decoding">VAE decoder and conversion to bytes.</param>
public readonly record struct StageTimes(TimeSpan Sound, TimeSpan Text, TimeSpan Denoising, TimeSpan Decoding)
{
    /// <summary>The sum of the stages.</summary>
    public TimeSpan Total => Sound + Text + Denoising + Decoding;
}
