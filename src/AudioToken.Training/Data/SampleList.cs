using System.Text.Json;
using AudioToken.Audio;
using AudioToken.Tensors;

namespace AudioToken.Training.Data;

/// <summary>A sound and a picture that belong together.</summary>
/// <param name="Id">Name within the data.</param>
/// <param name="Audio">Path of the sound.</param>
/// <param name="Image">Path of the picture.</param>
/// <param name="Label">Class, if one is known.</param>
/// <param name="Second">When within the ten seconds of the sound the picture was taken, if that is known.</param>
/// <param name="Video">The video that <paramref name="Image"/> is to be taken from, if it is not there yet.</param>
public sealed record TrainingSample(string Id, string Audio, string Image, string? Label = null, double? Second = null, string? Video = null)
{
    /// <summary>The whole seconds at which a window can begin so that it has the picture's moment in it, or comes nearest to it.</summary>
    /// <param name="windows">Windows begin at 0 to one less than this.</param>
    /// <param name="seconds">Length of a window.</param>
    public (int First, int Count) Starts(int windows, int seconds)
    {
        if (Second is not { } second)
            return (0, windows);
        int last = Math.Min(windows - 1, (int)Math.Floor(second)), first = Math.Clamp((int)Math.Ceiling(second - seconds), 0, last);
        return (first, last - first + 1);
    }
}

/// <summary>Lists of samples, in an order that depends on names alone.</summary>
public static class SampleList
{
    /// <summary>A manifest's name.</summary>
    public const string ManifestName = "manifest.jsonl";

    private static readonly string[] s_images = [".png", ".jpg", ".jpeg"];
    private static readonly string[] s_sounds = [".wav", ".flac", ".ogg", ".mp3"];

    /// <summary>Lists the samples of a folder or a manifest.</summary>
    /// <remarks>A folder with <c>manifest.jsonl</c>, or such a file: a JSON object a line with <c>audio</c> and <c>image</c>, paths relative to the file, and
    /// <c>name</c>, <c>label</c> or <c>kind</c> if wanted. A folder with <c>audio/</c> and <c>frames/</c>: VGGSound's layout, the frames of
    /// <c>audio/ID.wav</c> being <c>frames/ID.png</c> or <c>frames/ID/*.png</c>, evenly over its ten seconds; with <c>video/</c> in their stead, ten frames of <c>video/ID.mp4</c>. Any other folder: NAME.wav beside NAME.png or NAME.jpg.</remarks>
    /// <param name="path">Folder or manifest.</param>
    /// <param name="framesFolder">Where frames of videos are to lie.</param>
    /// <param name="without">Told of sounds that have no picture.</param>
    /// <exception cref="AudioTokenException">There is no sample (3701), or a line of the manifest is malformed.</exception>
    public static IReadOnlyList<TrainingSample> Read(string path, string? framesFolder = null, Action<string>? without = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string manifest = Directory.Exists(path) ? Path.Combine(path, ManifestName) : path;
        if (File.Exists(manifest))
            return Required(path, [.. Manifest(manifest)], "the manifest has no line");
        if (!Directory.Exists(path))
            throw TrainingErrors.NoSamples(path, "there is no such folder or file");
        string audio = Path.Combine(path, "audio"), frames = Path.Combine(path, "frames"), video = Path.Combine(path, "video");
        if (framesFolder is not null && Directory.Exists(audio) && Directory.Exists(video) && !Directory.Exists(frames))
            return Required(path, [.. Videos(audio, video, framesFolder, without)], "no sound in audio/ has a video in video/");
        bool split = Directory.Exists(audio) && Directory.Exists(frames);
        List<TrainingSample> samples = [.. Pairs(split ? audio : path, split ? frames : path, without)];
        return Required(path, samples, split ? "no sound in audio/ has a picture in frames/" : "no sound has a picture of its name");
    }

    private static IReadOnlyList<TrainingSample> Required(string path, List<TrainingSample> samples, string found) =>
        samples.Count > 0 ? samples : throw TrainingErrors.NoSamples(path, found);

    private static IEnumerable<TrainingSample> Pairs(string sounds, string pictures, Action<string>? without)
    {
        foreach (string sound in Sounds(sounds))
        {
            string id = Path.GetFileNameWithoutExtension(sound), stem = Path.Combine(pictures, id);
            string[] own = [.. s_images.Select(ending => stem + ending).Where(File.Exists).Take(1)];
            if (own.Length == 0 && Directory.Exists(stem))
                own = [.. Directory.EnumerateFiles(stem).Where(file => s_images.Contains(Path.GetExtension(file).ToLowerInvariant())).Order(StringComparer.Ordinal)];
            if (own.Length == 0)
                without?.Invoke(sound);
            for (int i = 0; i < own.Length; i++)
            {
                yield return own.Length == 1
                    ? new TrainingSample(id, sound, own[i])
                    : new TrainingSample($"{id}/{Path.GetFileNameWithoutExtension(own[i])}", sound, own[i], Second: (i + 0.5) * WindowPolicy.Seconds / own.Length);
            }
        }
    }

    private static IEnumerable<TrainingSample> Videos(string sounds, string videos, string frames, Action<string>? without)
    {
        foreach (string sound in Sounds(sounds))
        {
            string id = Path.GetFileNameWithoutExtension(sound), video = Path.Combine(videos, id + ".mp4");
            if (!File.Exists(video))
            {
                without?.Invoke(sound);
                continue;
            }

            for (int i = 0; i < WindowPolicy.Seconds; i++)
                yield return new TrainingSample($"{id}/{i}", sound, Path.Combine(frames, id, $"{i}.png"), Second: i + 0.5, Video: video);
        }
    }

    private static IEnumerable<string> Sounds(string folder) =>
        Directory.EnumerateFiles(folder).Where(file => s_sounds.Contains(Path.GetExtension(file).ToLowerInvariant())).Order(StringComparer.Ordinal);

    private static IEnumerable<TrainingSample> Manifest(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            yield return Parse(line, number, path, folder);
        }
    }

    private static TrainingSample Parse(string line, int number, string path, string folder)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            string? Text(string key) => json.RootElement.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            if (Text("audio") is { } audio && Text("image") is { } image)
                return new TrainingSample(Text("name") ?? audio, Path.Combine(folder, audio), Path.Combine(folder, image), Text("kind") ?? Text("label"));
            throw new AudioTokenException(TrainingErrors.Data, $"{path}, line {number}: wanted a JSON object with \"audio\" and \"image\"", "{\"audio\": \"rain.wav\", \"image\": \"rain.png\"}");
        }
        catch (JsonException exception)
        {
            throw new AudioTokenException(TrainingErrors.Data, $"{path}, line {number} is not JSON: {exception.Message}", "{\"audio\": \"rain.wav\", \"image\": \"rain.png\"}", exception);
        }
    }
}
