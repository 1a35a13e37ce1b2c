using AudioToken.Models.Clip;
using AudioToken.Models.Unet;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Training.Adapters;
using AudioToken.Training.Data;
using AudioToken.Training.Losses;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.Training.Tape;
using AudioToken.Weights;

namespace AudioToken.Training.Demonstration;

/// <summary>Trains a UNet from nothing together with a text encoder that can read: captions to pictures' latents. Rombach et al. 2022.</summary>
internal sealed class DiffusionTask : ITrainingTask, IDisposable
{
    private const int Batch = 16;

    private readonly IGradientOps _ops;
    private readonly Captions _captions;
    private readonly NoiseSchedule _schedule;
    private readonly LatentPool _latents;
    private readonly SampleOrder _order;
    private readonly ulong _seed;
    private readonly List<Parameter> _parameters = [];

    public DiffusionTask(IGradientOps ops, Recipe recipe, Captions captions, TensorCollection text, NoiseSchedule schedule, LatentPool latents)
    {
        (_ops, _captions, _schedule, _latents, _seed) = (ops, captions, schedule, latents, StableSeed.Of(recipe.Seed, "diffusion"));
        _order = new SampleOrder(new WorldPool(recipe.SamplesOfEach).Count, _seed);
        Text = Load(ModelComponent.Text, trained => ClipTextModel.Load(trained, text, Recipe.Text(captions.Ids)));
        using FreshTensors fresh = new(ModelComponent.Unet, recipe.Seed);
        Unet = Load(ModelComponent.Unet, trained => UnetModel.Load(trained, fresh, Recipe.Unet));
    }

    public ClipTextModel Text { get; }

    public UnetModel Unet { get; }

    public IReadOnlyList<Parameter> Parameters => _parameters;

    public double Accumulate(long update, GradientSums sums)
    {
        int[] samples = _order.Batch(update, Batch);
        int[] ids = [.. samples.SelectMany((sample, i) => _captions.Draw(sample, StableSeed.Of(_seed, "caption", (update * Batch) + i)).Ids)];
        int[] timesteps = [.. Enumerable.Range(0, Batch).Select(i => (int)(StableSeed.Of(_seed, "time", (update * Batch) + i) % (ulong)_schedule.TrainTimesteps))];
        (float[] latents, float[] noise) = _latents.Draw(samples, StableSeed.Of(_seed, "latents", update), StableSeed.Of(_seed, "noise", update));
        (float[] noisy, float[] target) = AdapterStep.Noised(_schedule, PredictionType.Epsilon, latents, noise, timesteps);

        using GradientTape tape = new(_ops, _parameters.Select(parameter => parameter.Weight)) { LossScale = sums.LossScale };
        Tensor states = Text.Forward(tape, tape.Upload(ids, [Batch, ClipTokenizer.ContextLength]));                 // [B, 77, D]
        UnetContext context = Unet.PrepareContext(tape, states);
        UnetTime time = Unet.PrepareTimes(tape, Array.ConvertAll(timesteps, step => (float)step)).PerSample();
        Tensor prediction = Unet.Forward(tape, tape.Upload(noisy, LatentPool.Shape(Batch)), time, context);         // [B, h, w, 4]
        float[] said = tape.Values(prediction), gradient = new float[said.Length];
        double loss = Loss.MeanSquare(said, target, gradient);
        tape.Backward(prediction, tape.Upload(gradient, prediction.Shape));
        sums.Add(tape);
        return loss;
    }

    public void Dispose()
    {
        Text.Dispose();
        Unet.Dispose();
    }

    private TModel Load<TModel>(ModelComponent component, Func<ITensorOps, TModel> load)
    {
        ParameterOps trained = new(_ops, _ => true);
        TModel model = load(trained);
        _parameters.AddRange(trained.Parameters.Select(parameter => parameter with { Name = BundleFormat.Prefix(component) + parameter.Name }));
        return model;
    }
}
