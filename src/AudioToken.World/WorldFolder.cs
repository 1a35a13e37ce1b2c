using System.Buffers;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using AudioToken.Audio;
using AudioToken.Pipelines.Imaging;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.World;

/// <summary>Writes samples into a plain training folder: NAME.wav and NAME.png side by side, and <c>manifest.jsonl</c>.</summary>
/// <remarks>
/// Each file appears whole or not at all, and a file that is there is taken as made: a run that was cut off goes on where it stopped and ends with the same bytes.
/// The first file is <c>world.json</c>, which keeps what the samples depend on; a folder made with other settings is refused. The manifest comes last, a line a
/// sample: <c>name, label, kind, seed, split, audio, image, caption, full_caption, template, time, place, weather, look, count</c>; <c>template</c> is the
/// caption around the placeholder.
/// </remarks>
public sealed class WorldFolder
{
    private const string SettingsName = "world.json";

    /// <summary>Number of the error for a folder that cannot be gone on with.</summary>
    public const int OtherSettings = 8601;

    private const int CannotWrite = 8102; // the number of AtomicFile, whose error it is in a folder that is there

    /// <summary>Changes when the same seed no longer gives the same sample.</summary>
    private const int Recipe = 1;

    private static readonly JsonWriterOptions s_json = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The folder; made if it is absent.</summary>
    public required string Path { get; init; }

    /// <summary>The kinds, each sampled equally often.</summary>
    public IReadOnlyList<WorldKind> Kinds { get; init; } = WorldKinds.All;

    /// <summary>Samples of each kind.</summary>
    public required int Count { get; init; }

    /// <summary>What the seeds may be used for.</summary>
    public WorldSplit Split { get; init; }

    /// <summary>Index of the first seed within the split.</summary>
    public ulong FirstSeed { get; init; }

    /// <summary>Side of the pictures in pixels.</summary>
    public int Size { get; init; } = 128;

    /// <summary>Length of the sounds.</summary>
    public double Seconds { get; init; } = 10;

    /// <summary>All samples, the kinds in turn.</summary>
    public IEnumerable<WorldSample> Samples()
    {
        for (int i = 0; i < Count; i++)
        {
            ulong seed = WorldSeeds.Of(Split, FirstSeed + (ulong)i);
            foreach (WorldKind kind in Kinds)
                yield return new WorldSample(kind, seed);
        }
    }

    /// <summary>Writes what is missing.</summary>
    /// <param name="progress">Told the samples done, of all; from several threads.</param>
    /// <param name="cancellation">Ends it between two samples; a later call goes on.</param>
    /// <exception cref="AudioTokenException">8601: the folder holds samples of other settings. 8102: a file cannot be written.</exception>
    public void Write(IProgress<(int Done, int Of)>? progress = null, CancellationToken cancellation = default)
    {
        Settle();
        int done = 0, all = Count * Kinds.Count;
        try
        {
            Parallel.ForEach(Samples(), new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount }, sample =>
            {
                string stem = System.IO.Path.Combine(Path, sample.Name);
                if (!File.Exists(stem + ".wav"))
                    AtomicFile.Write(stem + ".wav", stream => WavWriter.Write(stream, sample.Sound(Seconds), 1, 16000));
                if (!File.Exists(stem + ".png"))
                    PngWriter.Save(stem + ".png", sample.Picture(Size));
                progress?.Report((Interlocked.Increment(ref done), all));
            });
        }
        catch (AggregateException failures)
        {
            // Several threads meet the same full disk: one of them says it.
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }

        AtomicFile.Write(System.IO.Path.Combine(Path, "manifest.jsonl"), Manifest);
    }

    private void Settle()
    {
        byte[] settings = Json(json =>
        {
            json.WriteNumber("recipe", Recipe);
            json.WriteString("split", Split.ToString());
            json.WriteNumber("first_seed", FirstSeed);
            json.WriteNumber("count", Count);
            json.WriteNumber("size", Size);
            json.WriteNumber("seconds", Seconds);
            json.WriteString("kinds", string.Join(',', Kinds));
        });
        string path = System.IO.Path.Combine(Path, SettingsName);
        try
        {
            Directory.CreateDirectory(Path);
            if (File.Exists(path))
            {
                string found = File.ReadAllText(path).Trim(), wanted = System.Text.Encoding.UTF8.GetString(settings).Trim();
                if (found != wanted)
                    throw new AudioTokenException(OtherSettings, $"'{Path}' holds a world of other settings: found {found}, wanted {wanted}", "another folder with --out, or the settings found");
                return;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AudioTokenException(CannotWrite, $"Cannot write '{Path}': {exception.Message.TrimEnd('.')}.", "another folder with --out", exception);
        }

        AtomicFile.Write(path, stream => stream.Write(settings));
    }

    private void Manifest(Stream stream)
    {
        foreach (WorldSample sample in Samples())
        {
            SceneAttributes scene = sample.Scene;
            stream.Write(Json(json =>
            {
                json.WriteString("name", sample.Name);
                json.WriteNumber("label", WorldKinds.All.ToList().IndexOf(sample.Kind));
                json.WriteString("kind", sample.Kind.Name);
                json.WriteNumber("seed", sample.Seed);
                json.WriteString("split", Split.ToString());
                json.WriteString("audio", sample.Name + ".wav");
                json.WriteString("image", sample.Name + ".png");
                json.WriteString("caption", sample.Caption);
                json.WriteString("full_caption", Caption.Full(scene));
                json.WriteString("template", Caption.Around("<*>", scene));
                json.WriteString("time", scene.Time.ToString());
                json.WriteString("place", scene.Place.ToString());
                json.WriteString("weather", scene.Weather.ToString());
                json.WriteString("look", sample.Kind.Looks[scene.Look].Word);
                json.WriteNumber("count", scene.Count);
            }));
        }
    }

    private static byte[] Json(Action<Utf8JsonWriter> fields)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, s_json))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }
}
