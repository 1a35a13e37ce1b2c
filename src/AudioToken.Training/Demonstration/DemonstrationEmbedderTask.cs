using AudioToken.Models.Beats;
using AudioToken.Tensors;
using AudioToken.Training.Adapters;
using AudioToken.Training.Data;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.World;

namespace AudioToken.Training.Demonstration;

/// <summary>Trains the embedder by the paper's loss between the frozen parts of the demonstration model, on sounds with the pictures of their scenes.</summary>
internal sealed class DemonstrationEmbedderTask : ITrainingTask
{
    private const int Batch = 8;
    private readonly AdapterModel _model;
    private readonly BeatsEncoder _beats;
    private readonly WorldPool _pool;
    private readonly Captions _captions;
    private readonly LatentPool _latents;
    private readonly SampleOrder _order;
    private readonly ulong _seed;
    private float[] _features = []; // of every update the same, as the pool's arrays are

    public DemonstrationEmbedderTask(AdapterModel model, BeatsEncoder beats, Recipe recipe, WorldPool pool, Captions captions, LatentPool latents)
    {
        (_model, _beats, _pool, _captions, _latents, _seed) = (model, beats, pool, captions, latents, StableSeed.Of(recipe.Seed, "embedder"));
        _order = new SampleOrder(pool.Count, _seed);
    }

    public IReadOnlyList<Parameter> Parameters => _model.Parameters;

    public double Accumulate(long update, GradientSums sums)
    {
        int[] samples = _order.Batch(update, Batch);
        float[] sounds = _pool.Sounds(samples);
        Shape shape;
        using (TensorScope scope = _model.Ops.Scope())
        {
            Tensor heard = _beats.Forward(_model.Ops, _model.Ops.Upload(sounds, [Batch, sounds.Length / Batch / BeatsConfig.MelBins, BeatsConfig.MelBins]));
            shape = heard.Shape;
            if (_features.Length != shape.Count)
                _features = new float[shape.Count];
            _model.Ops.Download(heard, _features);
        }

        (float[] latents, float[] noise) = _latents.Draw(samples, StableSeed.Of(_seed, "latents", update), StableSeed.Of(_seed, "noise", update));
        return AdapterStep.Accumulate(_model, new AdapterBatch
        {
            Features = _features,
            FeatureShape = shape,
            Latents = latents,
            LatentShape = LatentPool.Shape(Batch),
            Noise = noise,
            Timesteps = [.. Enumerable.Range(0, Batch).Select(i => (int)(StableSeed.Of(_seed, "time", (update * Batch) + i) % (ulong)_model.Schedule.TrainTimesteps))],
            Labels = [.. samples.Select(_captions.Label)],
            Prompts = [.. samples.Select((sample, i) => Prompt(sample, (update * Batch) + i))],
        }, sums).Total;
    }

    // Half of the prompts are the paper's, half say place and time too, so that those words go on to mean what they meant.
    private IReadOnlyList<int> Prompt(int sample, long place)
    {
        ulong draw = StableSeed.Of(_seed, "prompt", place);
        string prompt = draw % 2 == 0 ? _model.Settings.Prompt : Caption.Around("<*>", WorldPool.At(sample).Scene);
        return _captions.Tokenizer.EncodePadded(Captions.Around(prompt, draw / 2)).Ids;
    }
}
