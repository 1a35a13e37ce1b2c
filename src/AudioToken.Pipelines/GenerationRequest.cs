using AudioToken.Sampling;

namespace AudioToken.Pipelines;

/// <summary>Everything that determines a picture, apart from the model. Immutable; the same request gives the same pixels on the same device and build.</summary>
public sealed record GenerationRequest
{
    /// <summary>The prompt used if none is given, the one of the paper's code.</summary>
    public const string DefaultPrompt = "a photo of <*>, 4k, high resolution";

    /// <summary>The prompt used if none is given: <see cref="DefaultPrompt"/>, its placeholder once for each sound.</summary>
    public static string DefaultPromptFor(int sounds) =>
        DefaultPrompt.Replace(Placeholder, string.Join(" and ", Enumerable.Repeat(Placeholder, sounds)), StringComparison.Ordinal);

    /// <summary>The most sounds of one request.</summary>
    public const int MaxSounds = 16;

    /// <summary>The word in a prompt that stands for a sound.</summary>
    public const string Placeholder = "<*>";

    /// <summary>What is heard, 1 to 16 sounds; each has its <see cref="Placeholder"/> in the prompt, in their order.</summary>
    public IReadOnlyList<SoundInput> Sounds { get; init; } = [];

    /// <summary>Short for one sound in <see cref="Sounds"/>, given by its samples.</summary>
    public ReadOnlyMemory<float> Samples
    {
        get => Sounds is [SoundInput sound] ? sound.Samples : default;
        init => Sounds = [new SoundInput { Samples = value }];
    }

    /// <summary>Short for one sound in <see cref="Sounds"/>, given by its audio token.</summary>
    public ReadOnlyMemory<float> AudioToken
    {
        get => Sounds is [SoundInput sound] ? sound.Token : default;
        init => Sounds = [new SoundInput { Token = value }];
    }

    /// <summary>The prompt; it holds <see cref="Placeholder"/> once for each sound. Null for <see cref="DefaultPromptFor"/> their number.</summary>
    public string? Prompt { get; init; }

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

    /// <summary>Decodes each picture in strips of rows: three fifths of the decoder's memory, some more time, the same picture but for rounding.</summary>
    public bool TiledVae { get; init; }

    /// <summary>Initial noise of unit variance in place of drawn noise, [Count, 4, Height / 8, Width / 8], channels first; empty to draw it.</summary>
    public ReadOnlyMemory<float> Latents { get; init; }

    /// <summary>The same request for sounds that have been heard: nothing is left to encode.</summary>
    /// <param name="tokens">One for each of <see cref="Sounds"/>, as <see cref="GenerationResult.AudioTokens"/> gives them.</param>
    public GenerationRequest WithTokens(IReadOnlyList<ReadOnlyMemory<float>> tokens) =>
        this with { Sounds = [.. Sounds.Zip(tokens, (sound, token) => sound with { Token = token })] };

    /// <summary>Receives the tensors of each stage (names in docs/DESIGN.md); null for none.</summary>
    public GenerationTrace? Trace { get; init; }
}
