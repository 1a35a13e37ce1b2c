using System.Globalization;
using System.Text.Json;
using AudioToken.Cli.Options;
using AudioToken.Pipelines;

namespace AudioToken.Cli.Output;

/// <summary>What a run of 'generate' gave, as it is told at its end.</summary>
internal sealed class GenerateReport
{
    private readonly List<WrittenPicture> _pictures = [];
    private StageTimes _times;

    public required IReadOnlyList<Sound> Sounds { get; init; }

    public required string Model { get; init; }

    public required string? Note { get; init; }

    public required string Device { get; init; }

    public required int Threads { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>The model's hash, where it was computed for the pictures' metadata.</summary>
    public string? ModelHash { get; set; }

    public TimeSpan Loading { get; set; }

    /// <summary>True as soon as there is a picture, written or not.</summary>
    public bool HasPictures => _pictures.Count > 0;

    public void Add(WrittenPicture picture) => _pictures.Add(picture);

    public void Add(StageTimes times) =>
        _times = new StageTimes(_times.Sound + times.Sound, _times.Text + times.Text, _times.Denoising + times.Denoising, _times.Decoding + times.Decoding);

    /// <summary>Times of the stages in a line.</summary>
    public string Timings => string.Create(
        CultureInfo.InvariantCulture,
        $"times: loading {Loading.TotalSeconds:0.00} s, sound {_times.Sound.TotalSeconds:0.00} s, text {_times.Text.TotalSeconds:0.00} s, denoising {_times.Denoising.TotalSeconds:0.00} s, decoding {_times.Decoding.TotalSeconds:0.00} s");

    /// <summary>All of it as JSON.</summary>
    public void WriteTo(Utf8JsonWriter json, IReadOnlyList<string> warnings)
    {
        json.WriteStartArray("outputs");
        foreach (WrittenPicture picture in _pictures)
            picture.WriteTo(json);
        json.WriteEndArray();
        json.WriteNumber("seed", Seed);
        json.WriteStartObject("model");
        json.WriteString("name", Model);
        json.WriteString("sha256", ModelHash);
        json.WriteString("note", Note);
        json.WriteEndObject();
        WriteSounds(json, Sounds);
        json.WriteString("device", Device);
        json.WriteNumber("threads", Threads);
        json.WriteStartObject("timings");
        WriteSeconds(json, "load_s", Loading);
        WriteSeconds(json, "sound_s", _times.Sound);
        WriteSeconds(json, "text_s", _times.Text);
        WriteSeconds(json, "denoising_s", _times.Denoising);
        WriteSeconds(json, "decoding_s", _times.Decoding);
        json.WriteEndObject();
        WriteWarnings(json, warnings);
    }

    /// <summary>What is heard.</summary>
    public static void WriteSounds(Utf8JsonWriter json, IReadOnlyList<Sound> sounds)
    {
        json.WriteStartArray("sounds");
        foreach (Sound sound in sounds)
        {
            json.WriteStartObject();
            json.WriteString("name", sound.Name);
            json.WriteString("sha256", sound.Hash);
            json.WriteString("description", sound.Description);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>What there is to look at.</summary>
    public static void WriteWarnings(Utf8JsonWriter json, IReadOnlyList<string> warnings)
    {
        json.WriteStartArray("warnings");
        foreach (string warning in warnings)
            json.WriteStringValue(warning);
        json.WriteEndArray();
    }

    private static void WriteSeconds(Utf8JsonWriter json, string name, TimeSpan time) => json.WriteNumber(name, Math.Round(time.TotalSeconds, 3));
}
