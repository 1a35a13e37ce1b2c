using AudioToken.Sampling;

namespace AudioToken.Pipelines;

/// <summary>Everything that determines a picture, apart from the model. Immutable; the same request gives the same pixels on the same device and build.</summary>
public sealed record GenerationRequest
{
    /// <summary>The prompt used if none is given, the one of the paper's code.</summary>
    public const string DefaultPrompt = "a photo of <*>, 4k, high resolution";

    /// <summary>The word in a prompt that stands for the sound.</summary>
    public const string Placeholder = "<*>";

    /// <summary>What is heard: mono samples at 16 kHz in [-1, 1], at least 2800 of them. Ignored if <see cref="AudioToken"/> is given.</summary>
    public ReadOnlyMemory<float> Samples { get; init; }

    /// <summary>An audio token computed before, one value for each channel of the text encoder, in place of <see cref="Samples"/>.</summary>
    public ReadOnlyMemory<float> AudioToken { get; init; }

    /// <summary>Base name of the sound, for the picture's metadata; never a path.</summary>
    public string? SoundName { get; init; }

    /// <summary>SHA-256 of the sound file in lower-case hex, for the picture's metadata.</summary>
    public string? SoundHash { get; init; }

    /// <summary>The prompt; it must hold <see cref="Placeholder"/> once.</summary>
    public string Prompt { get; init; } = DefaultPrompt;

    /// <summary>What the picture should not show; empty for none.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>If true, a prompt without placeholder is an error; otherwise the placeholder is appended to it, with a warning.</summary>
    public bool StrictPrompt { get; init; }

    /// <summary>The sampler; null for the one of the model's own scheduler configuration.</summary>
    public SamplerKind? Sampler { get; init; }

    /// <summary>True for Karras' noise levels (DPM++ 2M and Euler), false for the schedule's own, null as the model's configuration says.</summary>
    public bool? Karras { get; init; }

    /// <summary>Further choices about the sampler.</summary>
    public SamplerOptions SamplerOptions { get; init; } = SamplerOptions.Default;

    /// <summary>Number of sampler steps, 1 to 1000; some samplers stop short of that and say where.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>Guidance scale, 0 to 100; at most 1 means: no guidance, one UNet evaluation a step instead of two.</summary>
    public float GuidanceScale { get; init; } = 7.5f;

    /// <summary>Seed of the first picture; the next ones take the following numbers.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Where the noise comes from.</summary>
    public NoiseAlgorithm Noise { get; init; } = NoiseAlgorithm.TorchCpu;

    /// <summary>Pixels, a multiple of 8 from 64 to 4096; 0 for the model's own size.</summary>
    public int Width { get; init; }

    /// <summary>Pixels, a multiple of 8 from 64 to 4096; 0 for the model's own size.</summary>
    public int Height { get; init; }

    /// <summary>Number of pictures, 1 to 1000.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Pictures that go through the UNet together: more memory, other speed, the same pixels.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>Initial noise of unit variance in place of drawn noise, [Count, 4, Height / 8, Width / 8], channels first; empty to draw it.</summary>
    public ReadOnlyMemory<float> Latents { get; init; }

    /// <summary>Receives the tensors of each stage (names in docs/DESIGN.md); null for none.</summary>
    public GenerationTrace? Trace { get; init; }
}
