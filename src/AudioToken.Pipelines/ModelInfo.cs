using AudioToken.Sampling;

namespace AudioToken.Pipelines;

/// <summary>What a loaded model is.</summary>
/// <param name="Name">Base name of the file or folder.</param>
/// <param name="Note">What its maker says of it, e.g. that it is an untrained demonstration model; null for nothing.</param>
/// <param name="ImageSize">Side of its pictures in pixels, if none is asked for.</param>
/// <param name="TokenWidth">Channels of the text encoder and of the audio token.</param>
/// <param name="DefaultSampler">The sampler of its own scheduler configuration; null where that names one we do not have.</param>
/// <param name="HasLora">True if a LoRA was merged into the UNet.</param>
public sealed record ModelInfo(string Name, string? Note, int ImageSize, int TokenWidth, SamplerKind? DefaultSampler, bool HasLora);
