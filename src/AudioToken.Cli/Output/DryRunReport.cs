using System.Globalization;
using System.Text.Json;
using AudioToken.Cli.Commands;
using AudioToken.Cli.Options;
using AudioToken.Pipelines;
using AudioToken.Weights;

namespace AudioToken.Cli.Output;

/// <summary>What 'generate --dry-run' tells.</summary>
/// <param name="job">What is settled.</param>
/// <param name="plan">What its calls take.</param>
internal sealed class DryRunReport(DrawingJob job, MemoryPlan plan)
{
    /// <summary>All of it as lines.</summary>
    public void WriteTo(Terminal terminal)
    {
        Line("model", plan.Model.Note is { } note ? $"{plan.Model.Name} ({note})" : plan.Model.Name);
        foreach (Sound sound in job.Sounds)
            Line("sound", $"{sound.Name}: {sound.Description}");
        Line("prompt", plan.Prompt);
        Line("pictures", Invariant(
            $"{job.Request.Count} of {plan.Size.Width}x{plan.Size.Height}, {plan.UnetCalls} UNet call{(plan.UnetCalls == 1 ? "" : "s")} of {plan.Sampler} each, guidance {job.Request.GuidanceScale}, seed {job.Request.Seed}"));
        Line("writes", string.Join(", ", [.. job.Plan?.Paths ?? ["standard output"], .. job.TracePlan?.Paths ?? []]));
        Line("device", Invariant($"{job.Device.Name}, {job.Device.Threads} thread{(job.Device.Threads == 1 ? "" : "s")}"));
        Line("weights", $"{Megabytes(plan.WeightBytes)} MB: {string.Join(", ", plan.Weights.Select(part => $"{Key(part.Component)} {Megabytes(part.Bytes)}"))}");
        Line("tensors", $"{Megabytes(plan.TensorBytes)} MB; live at most: {string.Join(", ", plan.Stages.Select(stage => $"{Key(stage.Stage)} {Megabytes(stage.Bytes)}"))}");
        Line("memory", $"{Megabytes(plan.PeakBytes)} MB at its peak, the program itself not counted; {job.Device.Name} has {Megabytes(job.Device.MemoryBytes)} MB");

        void Line(string key, string text) => terminal.WriteLine(PlainText.Of($"{key + ":",-12}{text}"));
    }

    /// <summary>All of it as JSON.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteBoolean("dry_run", true);
        json.WriteStartArray("outputs");
        foreach (string path in job.Plan?.Paths ?? ["-"])
            json.WriteStringValue(path);
        json.WriteEndArray();
        if (job.TracePlan is { } trace)
            json.WriteString("trace", trace.Paths[0]);
        json.WriteStartObject("model");
        json.WriteString("name", plan.Model.Name);
        json.WriteString("note", plan.Model.Note);
        json.WriteEndObject();
        GenerateReport.WriteSounds(json, job.Sounds);
        json.WriteString("prompt", plan.Prompt);
        json.WriteNumber("seed", job.Request.Seed);
        json.WriteNumber("width", plan.Size.Width);
        json.WriteNumber("height", plan.Size.Height);
        json.WriteString("sampler", plan.Sampler);
        json.WriteNumber("unet_calls", plan.UnetCalls);
        json.WriteNumber("guidance_scale", job.Request.GuidanceScale);
        json.WriteString("device", job.Device.Name);
        json.WriteNumber("threads", job.Device.Threads);
        json.WriteStartObject("memory");
        json.WriteStartObject("weights");
        foreach ((ModelComponent component, long bytes) in plan.Weights)
            json.WriteNumber(Key(component), bytes);
        json.WriteEndObject();
        json.WriteStartObject("live_tensors");
        foreach ((GenerationPhase stage, long bytes) in plan.Stages)
            json.WriteNumber(Key(stage), bytes);
        json.WriteEndObject();
        json.WriteNumber("weight_bytes", plan.WeightBytes);
        json.WriteNumber("tensor_bytes", plan.TensorBytes);
        json.WriteNumber("peak_bytes", plan.PeakBytes);
        json.WriteNumber("device_bytes", job.Device.MemoryBytes);
        json.WriteEndObject();
        GenerateReport.WriteWarnings(json, job.Messages.Warnings);
    }

    private static string Key(ModelComponent component) => component switch
    {
        ModelComponent.Beats => "beats",
        ModelComponent.Embedder => "embedder",
        ModelComponent.Text => "text",
        ModelComponent.Unet => "unet",
        ModelComponent.Vae => "vae",
        _ => "lora",
    };

    private static string Key(GenerationPhase stage) => stage switch
    {
        GenerationPhase.EncodingSound => "sound",
        GenerationPhase.EncodingText => "text",
        GenerationPhase.Denoising => "denoising",
        _ => "decoding",
    };

    private static string Megabytes(long bytes) => (bytes / 1e6).ToString(bytes < 100_000_000 ? "0.0" : "0", CultureInfo.InvariantCulture);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
