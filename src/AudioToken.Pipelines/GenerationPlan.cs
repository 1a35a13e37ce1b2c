using System.Globalization;
using AudioToken.Models.Clip;
using AudioToken.Sampling;
using AudioToken.Tensors;

namespace AudioToken.Pipelines;

/// <summary>A request that has been checked and completed: everything the run needs to know before it begins.</summary>
internal sealed record GenerationPlan
{
    private const int MinSide = 64;
    private const int MaxSide = 4096;
    private const int MaxCount = 1000;
    private const float MaxGuidance = 100;
    private const float MaxWeight = 10;
    private const int MaxTraced = int.MaxValue / sizeof(float); // what one array of bytes holds
    public const int VaeFactor = 8;
    public const int LatentChannels = 4;

    public required GenerationRequest Request { get; init; }

    public required string Prompt { get; init; }

    public required int[] PromptIds { get; init; }

    public required int[] NegativeIds { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required SamplerKind Sampler { get; init; }

    /// <summary>The noise levels are Karras' own.</summary>
    public required bool Karras { get; init; }

    public required SamplerPlan Steps { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The sampler as other programs call it.</summary>
    public string SamplerTitle => Imaging.SamplerTitle.Of(Sampler.Name(), Karras);

    /// <summary>At most 1 means none: then only the prompt is evaluated.</summary>
    public bool Guided => Guidance.IsActive(Request.GuidanceScale);

    /// <summary>The times of the UNet's calls, in order.</summary>
    public float[] Timesteps => [.. Steps.Steps.Select(step => (float)step.Timestep)];

    /// <summary>Pictures of one call of the UNet. A trace shows one call with all in it; otherwise it is only a matter of memory.</summary>
    public int PicturesAtOnce => Request.Trace is null ? Math.Min(Request.BatchSize, Request.Count) : Request.Count;

    /// <summary>Latent rows and columns.</summary>
    public (int Height, int Width) LatentSize => (Height / VaeFactor, Width / VaeFactor);

    /// <summary>Checks a request against a model.</summary>
    /// <exception cref="AudioTokenException">A value out of range (2xxx) or a sound too short (3xxx).</exception>
    public static GenerationPlan Make(GenerationRequest request, LoadedModel model)
    {
        ArgumentNullException.ThrowIfNull(request.Sounds);
        ArgumentNullException.ThrowIfNull(request.NegativePrompt);
        ArgumentNullException.ThrowIfNull(request.SamplerOptions);
        int width = request.Width == 0 ? model.Info.ImageSize : request.Width, height = request.Height == 0 ? model.Info.ImageSize : request.Height;
        CheckSide("width", width);
        CheckSide("height", height);
        Check(request.Count is >= 1 and <= MaxCount, $"{request.Count} pictures were asked for; 1 to {MaxCount} can be", "ask for several batches");
        Check(request.BatchSize >= 1, $"the batch size is {request.BatchSize}, wanted at least 1", null);
        Check(
            float.IsFinite(request.GuidanceScale) && request.GuidanceScale is >= 0 and <= MaxGuidance,
            string.Create(CultureInfo.InvariantCulture, $"the guidance scale is {request.GuidanceScale}, wanted 0 to {MaxGuidance}"),
            "7.5 is usual; 1 switches guidance off");
        Check(request.Sounds.Count is >= 1 and <= GenerationRequest.MaxSounds, $"{request.Sounds.Count} sounds are given, wanted 1 to {GenerationRequest.MaxSounds}", "each stands in the prompt as one word");
        foreach (SoundInput sound in request.Sounds)
            CheckSound(sound, model);
        long latents = (long)request.Count * LatentChannels * (height / VaeFactor) * (width / VaeFactor);
        Check(
            request.Latents.IsEmpty || request.Latents.Length == latents,
            $"the latents hold {request.Latents.Length} values, wanted [{request.Count}, {LatentChannels}, {height / VaeFactor}, {width / VaeFactor}], {latents} values",
            "give -W, -H and -b the size that the latents were made for");
        CheckFinite(request.Latents.Span, 3044, "the latents hold", "draw them again, or leave them out");
        long traced = request.Trace is null ? 0 : 3L * width * height * request.Count;
        Check(
            traced <= MaxTraced,
            $"a trace keeps {request.Count} pictures of {width}x{height} side by side, {traced} values; at most {MaxTraced} can be",
            "trace fewer or smaller pictures");

        List<string> warnings = [];
        (string prompt, string? warning) = PromptPolicy.WithPlaceholders(request.Prompt ?? GenerationRequest.DefaultPromptFor(request.Sounds.Count), request.Sounds.Count, request.StrictPrompt);
        if (warning is not null)
            warnings.Add(warning);
        PromptPolicy.CheckNegative(request.NegativePrompt);
        SamplerKind sampler = request.Sampler ?? model.Scheduler.GetDefaultSampler();
        GenerationPlan plan = new()
        {
            Request = request,
            Prompt = prompt,
            PromptIds = NumberPlaceholders(Tokenize(model, prompt, "prompt", warnings), model.PlaceholderId),
            NegativeIds = Tokenize(model, request.NegativePrompt, "negative prompt", warnings),
            Width = width,
            Height = height,
            Sampler = sampler,
            Karras = sampler.SupportsKarras() && (request.Karras ?? model.Scheduler.UseKarrasSigmas ?? false),
            Steps = SamplerFactory.Create(sampler, request.Karras, model.Scheduler, request.Steps, request.SamplerOptions),
            Warnings = warnings,
        };
        int steps = plan.Steps.Steps.Length;
        long drawn = plan.Steps.NeedsNoise ? steps * (latents / request.Count * plan.PicturesAtOnce) : 0;
        Check(
            drawn <= Array.MaxLength,
            $"{steps} steps draw noise for {plan.PicturesAtOnce} pictures of {width}x{height} at once, {drawn} values; at most {Array.MaxLength} can be",
            "draw fewer at once, or take fewer --steps");
        return plan;
    }

    private static int[] Tokenize(LoadedModel model, string text, string what, List<string> warnings)
    {
        TokenizedPrompt tokens = model.Tokenizer.EncodePadded(text);
        if (tokens.CutText is { } cut)
            warnings.Add($"the {what} has more than {tokens.TokenCount} tokens; not read: '{cut}'");
        return [.. tokens.Ids];
    }

    // The first sound's placeholder keeps its id, the next ones take those after it.
    private static int[] NumberPlaceholders(int[] ids, int placeholderId)
    {
        int next = placeholderId;
        for (int i = 0; i < ids.Length; i++)
        {
            if (ids[i] == placeholderId)
                ids[i] = next++;
        }

        return ids;
    }

    private static void CheckSide(string name, int side)
    {
        if (side is >= MinSide and <= MaxSide && side % VaeFactor == 0)
            return;
        int nearest = (int)Math.Round(Math.Clamp(side, MinSide, MaxSide) / (double)VaeFactor) * VaeFactor;
        throw new AudioTokenException(2021, $"the {name} is {side}, wanted a multiple of {VaeFactor} from {MinSide} to {MaxSide}", $"the nearest is {nearest}");
    }

    private static void CheckSound(SoundInput sound, LoadedModel model)
    {
        ArgumentNullException.ThrowIfNull(sound);
        Check(
            sound.Weight is >= 0 and <= MaxWeight,
            string.Create(CultureInfo.InvariantCulture, $"the weight of a sound is {sound.Weight}, wanted 0 to {MaxWeight}"),
            "1 is as the embedder was trained");
        if (sound.Token.IsEmpty)
        {
            SoundEncoder.Check(sound.Samples.Span);
            return;
        }

        if (sound.Token.Length != model.Info.TokenWidth)
        {
            throw new AudioTokenException(
                3041, $"the audio token has {sound.Token.Length} values, but the text encoder of {model.Info.Name} wants {model.Info.TokenWidth}",
                "encode the sound with this model: audiotoken encode");
        }

        CheckFinite(sound.Token.Span, 3043, "the audio token holds", "encode the sound again: audiotoken encode");
    }

    private static void CheckFinite(ReadOnlySpan<float> values, int code, string holder, string hint)
    {
        int at = NonFinite.FirstIn(values);
        if (at >= 0)
            throw new AudioTokenException(code, string.Create(CultureInfo.InvariantCulture, $"{holder} {values[at]} at {at}, wanted finite numbers"), hint);
    }

    private static void Check(bool holds, string message, string? hint)
    {
        if (!holds)
            throw new AudioTokenException(2022, message, hint);
    }
}
