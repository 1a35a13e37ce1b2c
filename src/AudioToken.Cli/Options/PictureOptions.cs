using System.CommandLine;
using System.Globalization;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>What is drawn, and how: everything of a request but sound, model and output.</summary>
internal sealed class PictureOptions
{
    private const int MinSide = 64, MaxSide = 4096, SideStep = 8, MaxCount = 1000;

    private readonly Option<string?> _prompt = new("--prompt", "-p")
    {
        Description = $"what to draw, with {GenerationRequest.Placeholder} where each sound belongs (default \"{GenerationRequest.DefaultPrompt}\")",
        HelpName = "TEXT",
    };

    private readonly Option<string?> _negative = new("--negative-prompt", "-n", "--negative_prompt") { Description = "what not to draw", HelpName = "TEXT" };
    private readonly Option<bool> _strict = new("--strict") { Description = $"refuse a prompt without {GenerationRequest.Placeholder} instead of appending it" };
    private readonly Option<string?> _sampler = Checked.Word("--sampling-method", ["--sampler"], "the sampler; default: the model's own (the demonstration model's: dpm++2m)", [.. SamplerKinds.Names]);
    private readonly Option<string?> _scheduler = Checked.Word("--scheduler", [], "noise levels of dpm++2m and euler; default: as the model says", "discrete", "karras");
    private readonly Option<int?> _steps = Checked.Number("--steps", ["--num_inference_steps"], "sampler steps (default 50; of the demonstration model 20)", 1, 1000);
    private readonly Option<float?> _guidance = Checked.Number("--cfg-scale", ["--guidance_scale"], "guidance (default 7.5; of the demonstration model 3; 1 and less: none, twice as fast)", 0f, 100f, "X");
    private readonly Option<string?> _seed = new("--seed", "-s") { Description = "seed of the first picture, 0 to 2^64-1; the next take the following numbers. -1 or none: a random one, which is told and stored", HelpName = "SEED" };
    private readonly Option<string?> _rng = Checked.Word("--rng", [], "whose random numbers a seed means: PyTorch's on a CPU (default), or on CUDA", "torch-cpu", "philox");
    private readonly Option<int?> _width = Side("--width", "-W");
    private readonly Option<int?> _height = Side("--height", "-H");
    private readonly Option<int?> _count = Checked.Number("--batch-count", ["-b"], "number of pictures (default 1)", 1, MaxCount);
    private readonly Option<bool> _tiledVae = new("--tiled-vae", "--vae-tiling") { Description = "decode pictures in strips of rows: less memory, some more time, the same picture but for rounding" };
    private readonly Option<string?> _latents = new("--latents") { Description = "safetensors file with initial noise 'latents' [B, 4, H/8, W/8] of unit variance in place of drawn noise; gives -W, -H and -b where they are left out", HelpName = "FILE" };

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_prompt, _negative, _strict, _sampler, _scheduler, _steps, _guidance, _seed, _rng, _width, _height, _count, _tiledVae, _latents])
            command.Options.Add(option);
    }

    /// <summary>Makes the request, its sound apart.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="defaults">What holds where it says nothing.</param>
    /// <param name="messages">Hears of a random seed.</param>
    /// <exception cref="AudioTokenException">A value is out of range or contradicts another (2xxx), or the latents cannot be read.</exception>
    public GenerationRequest Request(ParseResult parsed, PictureDefaults defaults, Messages messages)
    {
        LatentsFile? latents = parsed.GetValue(_latents) is { } path ? LatentsFile.Read(path) : null;
        int width = parsed.GetValue(_width) ?? latents?.Width ?? 0, height = parsed.GetValue(_height) ?? latents?.Height ?? 0, count = parsed.GetValue(_count) ?? latents?.Count ?? 1;
        latents?.Require(count, width, height);
        return new GenerationRequest
        {
            Prompt = parsed.GetValue(_prompt),
            NegativePrompt = parsed.GetValue(_negative) ?? "",
            StrictPrompt = parsed.GetValue(_strict),
            Sampler = parsed.GetValue(_sampler) is { } sampler ? SamplerKinds.Parse(sampler) : defaults.Sampler,
            Karras = parsed.GetValue(_scheduler) is { } scheduler ? scheduler == "karras" : null,
            Steps = parsed.GetValue(_steps) ?? defaults.Steps,
            GuidanceScale = parsed.GetValue(_guidance) ?? defaults.Guidance,
            Seed = Seed(parsed.GetValue(_seed), messages),
            Noise = parsed.GetValue(_rng) == "philox" ? NoiseAlgorithm.TorchCuda : NoiseAlgorithm.TorchCpu,
            Width = width,
            Height = height,
            Count = count,
            TiledVae = parsed.GetValue(_tiledVae),
            Latents = latents?.Values ?? default,
        };
    }

    private static ulong Seed(string? text, Messages messages)
    {
        if (text is not null and not "-1")
            return Checked.Parse("--seed", text, ulong.MinValue, ulong.MaxValue);
        ulong seed = unchecked((ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue));
        messages.Note(string.Create(CultureInfo.InvariantCulture, $"seed: {seed}"));
        return seed;
    }

    private static Option<int?> Side(string name, string alias) => new(name, alias)
    {
        Description = $"pixels, a multiple of {SideStep} from {MinSide} to {MaxSide}; default: the model's own",
        HelpName = name[2..3].ToUpperInvariant(),
        CustomParser = result => ParseSide(name, result.Tokens[^1].Value),
    };

    private static int ParseSide(string name, string text)
    {
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int side) && side is >= MinSide and <= MaxSide && side % SideStep == 0)
            return side;
        string message = $"{name} is '{text}', wanted a multiple of {SideStep} from {MinSide} to {MaxSide}";
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double pixels) || double.IsNaN(pixels))
            throw new AudioTokenException(ErrorCode.Range, message);
        // The decoder's largest maps have 256 channels at full size, and three of them live at once.
        const double bytesPerPixel = 3 * 256 * sizeof(float);
        if (pixels > MaxSide && double.IsFinite(pixels))
            message += string.Create(CultureInfo.InvariantCulture, $"\nmemory: a square of that side would take {bytesPerPixel * pixels * pixels / (1 << 30):N0} GB in the decoder alone");
        double nearest = Math.Clamp(Math.Round(pixels / SideStep) * SideStep, MinSide, MaxSide);
        throw new AudioTokenException(ErrorCode.Range, message, string.Create(CultureInfo.InvariantCulture, $"{name} {nearest}, the nearest valid value"));
    }
}
