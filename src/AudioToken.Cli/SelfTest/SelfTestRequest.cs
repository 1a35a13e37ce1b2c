using System.Buffers;
using System.Text;
using System.Text.Json;
using AudioToken.Pipelines;
using AudioToken.Sampling;

namespace AudioToken.Cli.SelfTest;

/// <summary>The request of a recording, as it stands in the file's metadata.</summary>
internal static class SelfTestRequest
{
    /// <summary>What is recorded: a sampler that draws fresh noise each step, guidance, both prompts; few steps.</summary>
    public static GenerationRequest Default => new()
    {
        Prompt = GenerationRequest.DefaultPrompt,
        NegativePrompt = "blurry",
        Sampler = SamplerKind.EulerAncestral,
        Steps = 3,
        GuidanceScale = 5,
        Seed = 2023,
        Samples = SelfTestSound.Samples(),
    };

    public static string Write(GenerationRequest request)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("prompt", request.Prompt);
            json.WriteString("negative_prompt", request.NegativePrompt);
            json.WriteString("sampler", request.Sampler!.Value.Name());
            json.WriteNumber("steps", request.Steps);
            json.WriteNumber("cfg_scale", request.GuidanceScale);
            json.WriteNumber("seed", request.Seed);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <exception cref="JsonException">It is not JSON, or not of this form.</exception>
    public static GenerationRequest Read(string text, ReadOnlyMemory<float> samples)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        JsonElement json = document.RootElement;
        try
        {
            return new GenerationRequest
            {
                Prompt = json.GetProperty("prompt").GetString()!,
                NegativePrompt = json.GetProperty("negative_prompt").GetString()!,
                Sampler = SamplerKinds.Parse(json.GetProperty("sampler").GetString()!),
                Steps = json.GetProperty("steps").GetInt32(),
                GuidanceScale = json.GetProperty("cfg_scale").GetSingle(),
                Seed = json.GetProperty("seed").GetUInt64(),
                Samples = samples,
            };
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new JsonException(exception.Message, exception);
        }
    }
}
