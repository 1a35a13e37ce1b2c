using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AudioToken.Models.Beats;
using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Tensors;
using AudioToken.Training.Data;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.Weights;

namespace AudioToken.Training.Adapters;

/// <summary>All that a training of embedder and LoRA is told.</summary>
public sealed record AdapterRunOptions
{
    /// <summary>Folder or manifest of the data.</summary>
    public required string Data { get; init; }

    /// <summary>Folder of the run.</summary>
    public required string Folder { get; init; }

    /// <summary>Whether training begins with a drawn embedder and not with the model's.</summary>
    public bool BeginFresh { get; init; } = true;

    /// <summary>Whether to go on from a checkpoint.</summary>
    public bool Resume { get; init; }

    /// <summary>What is trained.</summary>
    public required AdapterSettings Adapters { get; init; }

    /// <summary>How.</summary>
    public required RunSettings Run { get; init; }

    /// <summary>Samples of a micro-batch.</summary>
    public int Batch { get; init; } = 4;

    /// <summary>Micro-batches of an update.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Width of the pictures, or null for 512 or the model's own.</summary>
    public int? Width { get; init; }

    /// <summary>Height of the pictures, or null for 320 or the model's own.</summary>
    public int? Height { get; init; }

    /// <summary>Seconds of sound.</summary>
    public int WindowSeconds { get; init; } = 5;

    /// <summary>Whether the embedder's dropout is on.</summary>
    public bool Dropout { get; init; } = true;

    /// <summary>VGGSound's table of classes and sets, or null to take all samples, with the labels of a manifest.</summary>
    public string? Labels { get; init; }

    /// <summary>The set of that table.</summary>
    public string Set { get; init; } = "train";

    /// <summary>Files of ids, one a line, that are left out.</summary>
    public IReadOnlyList<string> Without { get; init; } = [];

    /// <summary>The ffmpeg that takes frames out of videos.</summary>
    public string Ffmpeg { get; init; } = "ffmpeg";

    /// <summary>Updates between two times that sample pictures are drawn; 0 for never.</summary>
    public long SampleEvery { get; init; }

    /// <summary>Draws them.</summary>
    public Action<SampleMoment>? DrawSamples { get; init; }

    /// <summary>Share of samples that may be unreadable.</summary>
    public double MostBadSamples { get; init; } = 0.1;
}

/// <summary>A moment of a run at which sample pictures are drawn.</summary>
/// <param name="Update">Updates done.</param>
/// <param name="Embedder">File of the embedder as it is then.</param>
/// <param name="Lora">File of the LoRA, if one is trained.</param>
/// <param name="Sounds">Sounds to draw.</param>
/// <param name="Width">Width of the run's pictures.</param>
/// <param name="Height">Height of the run's pictures.</param>
/// <param name="Folder">Where pictures go.</param>
public sealed record SampleMoment(long Update, string Embedder, string? Lora, IReadOnlyList<string> Sounds, int Width, int Height, string Folder);

/// <summary>A whole training of embedder and LoRA, from data to files that <c>generate</c> takes.</summary>
public static class AdapterRun
{
    // The pictures that the original trains on; models that draw smaller ones train on theirs.
    private const int UsualWidth = 512, UsualHeight = 320;

    /// <summary>Trains, and writes the result beside the checkpoints.</summary>
    /// <param name="files">The model.</param>
    /// <param name="ops">The backend.</param>
    /// <param name="options">What and how.</param>
    /// <param name="note">Told what a person should know.</param>
    /// <param name="progress">Told after each update.</param>
    /// <param name="cancellation">Stops after the present update, with a checkpoint.</param>
    /// <exception cref="AudioTokenException">Data, model or folder are not what they should be; numbers fail time and again.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; a checkpoint has been written.</exception>
    public static void Run(
        ModelFiles files, IGradientOps ops, AdapterRunOptions options, Action<string> note, IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(note);
        IReadOnlyList<TrainingSample> samples = Samples(options, note);
        VideoFrames frames = new(options.Ffmpeg);
        if (samples.Any(sample => sample.Video is not null))
            frames.Check();
        using RunLock held = RunLock.Take(options.Folder);
        if (held.Stale is { } stale)
            note($"the last trainer in '{options.Folder}' ({stale}) did not end in order; its last whole checkpoint stands");
        bool begun = new CheckpointFolder(options.Folder, "").Exists;
        if (begun && !options.Resume)
        {
            throw new AudioTokenException(
                TrainingErrors.Files, $"'{options.Folder}' holds the checkpoints of a run", "--resume goes on with it; another folder with --out begins anew");
        }

        (int beats, int text, int width, int height) = Sizes(files, options);
        using TensorCollection? fresh = options.BeginFresh ? FreshEmbedder.Draw(beats, text, options.Adapters.Seed) : null;
        using AdapterModel model = AdapterModel.Load(files, ops, options.Adapters, fresh);
        using SampleCache cache = new(files, ops, Path.Combine(options.Folder, "cache"), width, height, options.WindowSeconds);
        BadSamples bad = new(samples.Count, options.MostBadSamples, note);
        AdapterTask task = new(model, cache, samples, bad, frames, options.Adapters.Seed, options.Batch, options.Accumulation, options.Dropout);
        note(string.Create(
            CultureInfo.InvariantCulture,
            $"{samples.Count} samples, pictures {width}x{height}, {task.Parameters.Sum(parameter => parameter.Values.LongLength):N0} parameters in {task.Parameters.Count} tensors"));
        TrainingRun run = new(ops, task, options.Run, options.Folder, Fingerprint(files, samples, options, width, height));
        if (options.Resume && run.Resume(note))
            note($"going on after update {run.State.Updates}");
        run.Run(options is { SampleEvery: > 0, DrawSamples: not null } ? new Sampling(model, samples, options, width, height, progress) : progress, cancellation);
        if (run.State.Skipped > 0)
            note($"{run.State.Skipped} updates were left out: loss or gradient were not finite");
        Save(model, options.Folder);
    }

    private static IReadOnlyList<string> Save(AdapterModel model, string folder)
    {
        IReadOnlyList<string> paths = Results(model.Settings, folder);
        model.Save(ModelComponent.Embedder, paths[0]);
        if (paths.Count > 1)
            model.Save(ModelComponent.Lora, paths[1]);
        return paths;
    }

    /// <summary>The files that a run writes.</summary>
    public static IReadOnlyList<string> Results(AdapterRunOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Results(options.Adapters, options.Folder);
    }

    private static IReadOnlyList<string> Results(AdapterSettings settings, string folder)
    {
        string embedder = Path.Combine(folder, "embedder.safetensors");
        return settings.LoraRank > 0 ? [embedder, Path.Combine(folder, "lora.safetensors")] : [embedder];
    }

    private static IReadOnlyList<TrainingSample> Samples(AdapterRunOptions options, Action<string> note)
    {
        IReadOnlyList<TrainingSample> all = SampleList.Read(
            options.Data, Path.Combine(options.Folder, "frames"), sound => note($"'{sound}' has no picture and is left out"));
        IReadOnlySet<string>[] without = [.. options.Without.Select(SampleLabels.ReadIds)];
        IEnumerable<TrainingSample> labelled = options.Labels is { } table ? SampleLabels.Read(table, options.Set).Label(all) : all;
        List<TrainingSample> samples = [.. labelled.Where(sample => !SampleLabels.Ids(sample).Any(id => without.Any(list => list.Contains(id))))];
        if (samples.Count == 0)
            throw TrainingErrors.NoSamples(options.Data, $"of {all.Count} none is in the table of labels or all are among the ids to leave out");
        if (options.Adapters.LabelPenalty > 0 && samples.Find(sample => sample.Label is null) is { } bare)
            throw new AudioTokenException(TrainingErrors.Data, $"sample '{bare.Id}' has no label, which the label term needs", "give --labels vggsound.csv, or \"label\" on each line of manifest.jsonl");
        if (samples.Count < all.Count)
            note($"{all.Count - samples.Count} of {all.Count} samples are left out: not of the set, or among the ids to leave out");
        return samples;
    }

    private static (int Beats, int Text, int Width, int Height) Sizes(ModelFiles files, AdapterRunOptions options)
    {
        BeatsConfig beats = Parse(files, ModelComponent.Beats, BeatsConfig.Parse);
        ClipTextConfig text = Parse(files, ModelComponent.Text, ClipTextConfig.Parse);
        int own = Parse(files, ModelComponent.Unet, UnetConfig.Parse).SampleSize * 8;
        bool small = own > 0 && own < UsualWidth;
        int width = options.Width ?? (small ? own : UsualWidth), height = options.Height ?? (small ? own : UsualHeight);
        if (width % 8 != 0 || height % 8 != 0)
            throw new AudioTokenException(2701, $"pictures of {width} x {height} pixels, wanted multiples of 8", $"--width {width / 8 * 8} --height {height / 8 * 8}");
        return (beats.OutputWidth, text.Width, width, height);
    }

    // Everything on which the course of the run depends, and nothing else: paths may change. The number of updates counts where the learning rate looks at it.
    private static string Fingerprint(ModelFiles files, IReadOnlyList<TrainingSample> samples, AdapterRunOptions options, int width, int height)
    {
        AdapterSettings adapters = options.Adapters;
        AdamWSettings optimiser = options.Run.Optimiser;
        string data = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', samples.Select(sample => sample.Label is null ? sample.Id : $"{sample.Id} {sample.Label}")))));
        LearningRate rate = options.Run.LearningRate;
        string shape = rate.Shape == LearningRateShape.Constant ? "constant" : string.Create(CultureInfo.InvariantCulture, $"{rate.Shape} to {rate.Total}");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"model {files.ModelHash}, data {data[..10]}, seed {adapters.Seed}, LoRA rank {adapters.LoraRank} scale {adapters.LoraScale:R} of {(int)adapters.LoraTargets}, "
            + $"l1 {adapters.MagnitudePenalty:R}, l2 {adapters.LengthPenalty:R}, label {adapters.LabelPenalty:R}, prompt '{adapters.Prompt}', learning rate {rate.Peak:R} {shape} warm-up {rate.Warmup}, "
            + $"weight decay {optimiser.WeightDecay:R}, clip {options.Run.ClipNorm:R}, batch {options.Batch} x {options.Accumulation}, pictures {width}x{height}, "
            + $"window {options.WindowSeconds} s, dropout {options.Dropout}, fresh {options.BeginFresh}{(options.Run.ScalesLoss ? ", loss scaled" : "")}");
    }

    private static TConfig Parse<TConfig>(ModelFiles files, ModelComponent component, Func<JsonElement, TConfig> parse)
    {
        using JsonDocument json = JsonDocument.Parse(files.ConfigJson(component));
        return parse(json.RootElement);
    }

    /// <summary>Has pictures drawn between updates.</summary>
    private sealed class Sampling(
        AdapterModel model, IReadOnlyList<TrainingSample> samples, AdapterRunOptions options, int width, int height, IProgress<RunProgress>? progress) : IProgress<RunProgress>
    {
        private const int MostSounds = 4;

        public void Report(RunProgress value)
        {
            progress?.Report(value);
            if (value.Update % options.SampleEvery != 0)
                return;
            string folder = Path.Combine(options.Folder, "samples");
            Directory.CreateDirectory(folder);
            IReadOnlyList<string> paths = Save(model, folder);
            string[] sounds = [.. samples.Select(sample => sample.Audio).Distinct().Take(MostSounds)];
            options.DrawSamples!(new SampleMoment(value.Update, paths[0], paths.ElementAtOrDefault(1), sounds, width, height, folder));
        }
    }
}
