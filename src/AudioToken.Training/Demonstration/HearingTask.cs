using AudioToken.Models.Beats;
using AudioToken.Tensors;
using AudioToken.Training.Data;
using AudioToken.Training.Losses;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.Training.Tape;
using AudioToken.Weights;
using AudioToken.World;

namespace AudioToken.Training.Demonstration;

/// <summary>Trains an audio encoder from nothing to name the kind of a sound; the layer that names is not kept.</summary>
internal sealed class HearingTask : ITrainingTask, IDisposable
{
    private const int Batch = 16;
    private const string Head = "head.weight";

    private readonly IGradientOps _ops;
    private readonly WorldPool _pool;
    private readonly SampleOrder _order;
    private readonly Weight _head;
    private readonly List<Parameter> _parameters = [];

    public HearingTask(IGradientOps ops, Recipe recipe, WorldPool pool)
    {
        (_ops, _pool) = (ops, pool);
        _order = new SampleOrder(pool.Count, StableSeed.Of(recipe.Seed, "hearing"));
        ParameterOps trained = new(ops, _ => true);
        using FreshTensors fresh = new(ModelComponent.Beats, recipe.Seed);
        Encoder = BeatsEncoder.Load(trained, fresh, Recipe.Beats);
        _head = trained.LoadWeight(fresh.Draw(Head, [WorldKinds.All.Count, Recipe.Beats.OutputWidth]), WeightRole.Linear);
        _parameters.AddRange(trained.Parameters);
    }

    public BeatsEncoder Encoder { get; }

    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The parameters that belong to the model.</summary>
    public IEnumerable<Parameter> Kept => _parameters.Where(parameter => parameter.Name != Head);

    public double Accumulate(long update, GradientSums sums)
    {
        int[] samples = _order.Batch(update, Batch);
        float[] sounds = _pool.Sounds(samples);
        using GradientTape tape = new(_ops, _parameters.Select(parameter => parameter.Weight)) { LossScale = sums.LossScale };
        Tensor features = Encoder.Forward(tape, tape.Upload(sounds, [Batch, sounds.Length / Batch / BeatsConfig.MelBins, BeatsConfig.MelBins])); // [B, L, 3 D]
        Tensor mean = tape.AttentionPool(features, tape.Upload(new float[Batch * features.Shape[1]], [Batch, features.Shape[1], 1]));           // [B, 3 D]
        Tensor scores = tape.Linear(mean, _head, default);                                                                                      // [B, kinds]
        float[] said = tape.Values(scores), gradient = new float[said.Length];
        double loss = Loss.CrossEntropy(said, Array.ConvertAll(samples, WorldPool.Kind), gradient).Mean;
        tape.Backward(scores, tape.Upload(gradient, scores.Shape));
        sums.Add(tape);
        return loss;
    }

    public void Dispose()
    {
        Encoder.Dispose();
        _head.Dispose();
    }
}
