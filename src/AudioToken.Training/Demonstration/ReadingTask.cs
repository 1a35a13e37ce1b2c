using AudioToken.Models.Clip;
using AudioToken.Tensors;
using AudioToken.Training.Data;
using AudioToken.Training.Losses;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.Training.Tape;
using AudioToken.Weights;

namespace AudioToken.Training.Demonstration;

/// <summary>Teaches the text encoder to read: from the end of a text on, each of its states tells which tokens stood before.</summary>
/// <remarks>CLIP's states after the end of a text hold what the text means; a UNet that attends to all 77 alike then sees it from its first update.</remarks>
internal sealed class ReadingTask : ITrainingTask, IDisposable
{
    private const string Head = "head.weight";
    private const int Batch = 16;

    private readonly IGradientOps _ops;
    private readonly Captions _captions;
    private readonly SampleOrder _order;
    private readonly ulong _seed;
    private readonly ClipTextModel _text;
    private readonly Weight _head;
    private readonly List<Parameter> _parameters = [];
    private readonly float[] _said, _bySaid; // of every update the same: large arrays that are made anew cost a page fault for every page

    public ReadingTask(IGradientOps ops, Recipe recipe, WorldPool pool, Captions captions)
    {
        (_ops, _captions, _seed) = (ops, captions, StableSeed.Of(recipe.Seed, "reading"));
        _order = new SampleOrder(pool.Count, _seed);
        ParameterOps trained = new(ops, _ => true);
        using FreshTensors fresh = new(ModelComponent.Text, recipe.Seed);
        _text = ClipTextModel.Load(trained, fresh, Recipe.Text(captions.Ids));
        _head = trained.LoadWeight(fresh.Draw(Head, [captions.Ids.Vocabulary, Recipe.ContextWidth]), WeightRole.Linear);
        _parameters.AddRange(trained.Parameters);
        _said = new float[Batch * ClipTokenizer.ContextLength * captions.Ids.Vocabulary];
        _bySaid = new float[_said.Length];
    }

    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The text encoder's tensors as they are now.</summary>
    public MemoryTensors Learnt()
    {
        MemoryTensors learnt = new("the text encoder that has learnt to read");
        foreach (Parameter parameter in _parameters.Where(parameter => parameter.Name != Head))
            learnt.Add(parameter.Name, parameter.FileShape, [.. parameter.Values]);
        return learnt;
    }

    public double Accumulate(long update, GradientSums sums)
    {
        TokenizedPrompt[] texts = [.. _order.Batch(update, Batch).Select(
            (sample, i) => _captions.Draw(sample, StableSeed.Of(_seed, "caption", (update * Batch) + i)))];
        using GradientTape tape = new(_ops, _parameters.Select(parameter => parameter.Weight)) { LossScale = sums.LossScale };
        Tensor states = _text.Forward(tape, tape.Upload([.. texts.SelectMany(text => text.Ids)], [Batch, ClipTokenizer.ContextLength])); // [B, 77, D]
        Tensor scores = tape.Linear(states, _head, default);                                                                             // [B, 77, V]
        tape.Download(scores, _said);
        Array.Clear(_bySaid);
        int vocabulary = _captions.Ids.Vocabulary, ends = texts.Sum(Ends);
        double[] losses = new double[Batch];
        Parallel.For(0, Batch, b =>
        {
            bool[] stood = new bool[vocabulary];
            foreach (int id in texts[b].Ids.Skip(1).Take(texts[b].TokenCount))
                stood[id] = true;
            for (int at = ClipTokenizer.ContextLength - Ends(texts[b]); at < ClipTokenizer.ContextLength; at++)
            {
                Range row = new(((b * ClipTokenizer.ContextLength) + at) * vocabulary, ((b * ClipTokenizer.ContextLength) + at + 1) * vocabulary);
                losses[b] += Loss.Logistic(_said.AsSpan(row), stood, _bySaid.AsSpan(row), 1.0 / ends) / ends;
            }
        });
        tape.Backward(scores, tape.Upload(_bySaid, scores.Shape));
        sums.Add(tape);
        return losses.Sum();
    }

    public void Dispose()
    {
        _text.Dispose();
        _head.Dispose();
    }

    // Positions from the end of the text on.
    private static int Ends(TokenizedPrompt text) => ClipTokenizer.ContextLength - 1 - text.TokenCount;
}
