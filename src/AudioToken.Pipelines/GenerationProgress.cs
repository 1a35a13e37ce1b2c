namespace AudioToken.Pipelines;

/// <summary>Stages of a generation, in order.</summary>
public enum GenerationPhase
{
    /// <summary>Log-mel features, BEATs and the embedder: sound to audio token.</summary>
    EncodingSound,

    /// <summary>The text encoder on prompt and negative prompt.</summary>
    EncodingText,

    /// <summary>UNet and sampler; the only phase with steps.</summary>
    Denoising,

    /// <summary>Latents to pixels.</summary>
    Decoding,

    /// <summary>All pictures are there.</summary>
    Done,
}

/// <summary>How far a generation is. Reported from one thread, in order.</summary>
/// <param name="Phase">The stage that begins or goes on.</param>
/// <param name="Step">UNet calls done for the pictures at hand: counts up while denoising, all of them while decoding, else 0.</param>
/// <param name="Steps">UNet calls in all for the pictures at hand.</param>
/// <param name="Image">Index of the first picture at hand.</param>
/// <param name="Images">Pictures in all.</param>
/// <param name="Seed">Seed of the first picture at hand.</param>
/// <param name="Elapsed">Time since the request left the queue.</param>
public readonly record struct GenerationProgress(GenerationPhase Phase, int Step, int Steps, int Image, int Images, ulong Seed, TimeSpan Elapsed);
