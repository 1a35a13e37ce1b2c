using System.Buffers;
using System.Text;
using System.Text.Json;

namespace AudioToken.Pipelines.Imaging;

/// <summary>What an image was made from and how, as it is written into the image.</summary>
/// <remarks>Names of files and models are cut to their last part: an image is shown around, and a path tells of its maker's machine.</remarks>
public sealed record GenerationParameters
{
    /// <summary>Keyword of the text that other programs read, see <see cref="ParametersText"/>.</summary>
    public const string ParametersKeyword = "parameters";

    /// <summary>Keyword of our own JSON.</summary>
    public const string JsonKeyword = "audiotoken";

    /// <summary>The prompt, with its placeholder.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>The negative prompt, empty if there is none.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>Sampler steps.</summary>
    public int? Steps { get; init; }

    /// <summary>The sampler's title, see <see cref="SamplerTitle"/>.</summary>
    public string? Sampler { get; init; }

    /// <summary>Guidance scale.</summary>
    public double? CfgScale { get; init; }

    /// <summary>Seed of the initial noise.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>Height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>SHA-256 of the model in hexadecimal; readers know its first ten digits.</summary>
    public string? ModelHash { get; init; }

    /// <summary>The model's name without its folder.</summary>
    public string? Model { get; init => field = BaseName(value); }

    /// <summary>Program and version.</summary>
    public string? Version { get; init; }

    /// <summary>The recording's name without its folder; of several, their names in the order of the prompt, with commas between.</summary>
    public string? Audio { get; init => field = BaseName(value); }

    /// <summary>SHA-256 of the recording in hexadecimal; of several likewise.</summary>
    public string? AudioHash { get; init; }

    /// <summary>Factor on the audio token, where it is not 1; of several likewise.</summary>
    public string? AudioWeight { get; init; }

    /// <summary>The random generator that made the noise, e.g. <c>CPU</c>.</summary>
    public string? Rng { get; init; }

    /// <summary>Both texts for <see cref="PngWriter"/>: the one that others read, and our own.</summary>
    public IReadOnlyList<PngText> ToPngTexts() => [new(ParametersKeyword, ParametersText.Write(this)), new(JsonKeyword, ToJson())];

    /// <summary>Our own JSON: every field that is set, exactly.</summary>
    public string ToJson()
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("format", 1);
            json.WriteString("prompt", Prompt);
            json.WriteString("negative_prompt", NegativePrompt);
            WriteNumber(json, "steps", Steps);
            WriteString(json, "sampler", Sampler);
            WriteNumber(json, "cfg_scale", CfgScale);
            if (Seed is ulong seed)
                json.WriteNumber("seed", seed);
            WriteNumber(json, "width", Width);
            WriteNumber(json, "height", Height);
            WriteString(json, "model", Model);
            WriteString(json, "model_sha256", ModelHash);
            WriteString(json, "audio", Audio);
            WriteString(json, "audio_sha256", AudioHash);
            WriteString(json, "audio_weight", AudioWeight);
            WriteString(json, "rng", Rng);
            WriteString(json, "version", Version);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    // A value that JSON cannot hold (an infinite scale) is left out rather than losing the image.
    private static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        if (value is double number && double.IsFinite(number))
            json.WriteNumber(name, number);
    }

    private static void WriteString(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
            json.WriteString(name, value);
    }

    // Both kinds of slash count: an image may tell of a Windows path on any system.
    private static string? BaseName(string? path) => path?.TrimEnd('/', '\\') is string trimmed ? trimmed[(trimmed.LastIndexOfAny(['/', '\\']) + 1)..] : null;
}
