using System.Globalization;
using AudioToken.Models.Beats;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Training.Adapters;
using AudioToken.Training.Data;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.Weights;

namespace AudioToken.Training.Demonstration;

/// <summary>Makes the demonstration model from nothing: autoencoder, text encoder, UNet, audio encoder, then, with all those frozen, the
/// embedder by the paper's loss.</summary>
/// <remarks>Each stage has a folder of its own with its checkpoints and log; a stopped run goes on where it stopped.</remarks>
public sealed class DemonstrationRun
{
    private readonly ModelFiles _base;
    private readonly IGradientOps _ops;
    private readonly Recipe _recipe;
    private readonly string _folder;
    private readonly Action<string> _note;
    private readonly Func<string, IProgress<RunProgress>> _progress;

    /// <summary>Prepares a run.</summary>
    /// <param name="files">A model whose scheduler configuration the new one takes; must outlive the run.</param>
    /// <param name="ops">The backend.</param>
    /// <param name="recipe">How long, and from which seed.</param>
    /// <param name="folder">Where stages and result lie.</param>
    /// <param name="note">Told what a person should know.</param>
    /// <param name="progress">Makes the teller of a stage.</param>
    public DemonstrationRun(ModelFiles files, IGradientOps ops, Recipe recipe, string folder, Action<string> note, Func<string, IProgress<RunProgress>> progress)
    {
        ArgumentNullException.ThrowIfNull(files);
        (_base, _ops, _recipe, _folder, _note, _progress) = (files, ops, recipe, folder, note, progress);
    }

    /// <summary>The bundle that a run writes.</summary>
    public string Result => Path.Combine(_folder, "demo.safetensors");

    /// <summary>Trains what is not yet trained, and writes the bundle.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; a checkpoint has been written.</exception>
    public void Run(CancellationToken cancellation = default)
    {
        using RunLock held = RunLock.Take(_folder);
        WorldPool pool = new(_recipe.SamplesOfEach);
        Captions captions = Captions.Of(pool);
        DemonstrationBundle bundle = new(captions, _base.SchedulerConfigJson);
        LatentPool latents;
        using (AutoencoderTask task = new(_ops, _recipe, pool))
        {
            Train("1-autoencoder", task, _recipe.Autoencoder, peak: 2e-3, cancellation);
            string settings = _recipe.Fingerprint("latents", _recipe.Autoencoder);
            latents = LatentPool.Open(Path.Combine(_folder, "1-autoencoder", "latents.safetensors"), settings, pool, task.Encoder, _ops, _note, cancellation);
            pool.ForgetPictures();
            bundle.Add(ModelComponent.Vae, task.Parameters);
        }

        bundle.ScalingFactor = latents.ScalingFactor;
        NoiseSchedule schedule = SchedulerConfig.Parse(_base.SchedulerConfigJson).ForStableDiffusion().GetNoiseSchedule();
        MemoryTensors text;
        using (ReadingTask task = new(_ops, _recipe, pool, captions))
        {
            Train("2-reading", task, _recipe.Reading, peak: 1e-3, cancellation);
            text = task.Learnt();
        }

        using (text)
        using (DiffusionTask task = new(_ops, _recipe, captions, text, schedule, latents))
        {
            Train("3-diffusion", task, _recipe.Diffusion, peak: 1e-3, cancellation);
            bundle.AddPrefixed(task.Parameters);
        }

        using (HearingTask task = new(_ops, _recipe, pool))
        {
            Train("4-hearing", task, _recipe.Hearing, peak: 1e-3, cancellation);
            bundle.Add(ModelComponent.Beats, task.Kept);
        }

        // The embedder learns between the parts as they will be used: rounded to half precision, out of a bundle.
        string frozen = Path.Combine(_folder, "frozen.safetensors");
        using TensorCollection fresh = FreshEmbedder.Draw(Recipe.Beats.OutputWidth, Recipe.ContextWidth, _recipe.Seed);
        bundle.Save(frozen, "demonstration model with an untrained embedder", fresh);
        using ModelFiles files = ModelFiles.Open(frozen);
        using TensorCollection heard = files.Open(ModelComponent.Beats);
        using BeatsEncoder beats = BeatsEncoder.Load(_ops, heard, Recipe.Beats);
        using AdapterModel model = AdapterModel.Load(files, _ops, new AdapterSettings { Checkpoints = false, MagnitudePenalty = 1e-3, LabelPenalty = 0.1 }, fresh);
        Train("5-embedder", new DemonstrationEmbedderTask(model, beats, _recipe, pool, captions, latents), _recipe.Embedder, peak: 1e-3, cancellation);
        bundle.AddPrefixed(model.Parameters);
        bundle.Save(Result, "demonstration model of a small drawn world");
        _note($"wrote {Result} ({new FileInfo(Result).Length / 1e6:f1} MB)");
    }

    private void Train(string stage, ITrainingTask task, long updates, double peak, CancellationToken cancellation)
    {
        string folder = Path.Combine(_folder, stage);
        Directory.CreateDirectory(folder);
        RunSettings settings = new()
        {
            Updates = updates,
            LearningRate = new LearningRate(peak, LearningRateShape.Cosine, Math.Min(100, updates / 10), updates),
            ClipNorm = 1,
            ScalesLoss = _recipe.ScalesLoss,
            SaveEvery = 100,
        };
        TrainingRun run = new(_ops, task, settings, folder, _recipe.Fingerprint(stage, updates));
        run.Resume(_note);
        if (run.State.Updates == updates)
            return;
        _note(string.Create(
            CultureInfo.InvariantCulture, $"{stage}: {task.Parameters.Sum(parameter => parameter.Values.LongLength):N0} parameters, updates {run.State.Updates} to {updates}"));
        run.Run(_progress(stage), cancellation);
    }
}
