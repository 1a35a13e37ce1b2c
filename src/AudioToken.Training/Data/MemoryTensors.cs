using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Training.Data;

/// <summary>Tensors in memory in the form of a checkpoint: models that begin with drawn weights.</summary>
public sealed class MemoryTensors(string description) : TensorCollection
{
    private readonly Dictionary<string, WeightSource> _tensors = [];

    /// <inheritdoc/>
    public override string Description => description;

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _tensors.Keys;

    /// <summary>Adds a tensor.</summary>
    public void Add(string name, Shape shape, float[] values) => _tensors.Add(name, new ArrayWeightSource(name, shape, values));

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => _tensors.GetValueOrDefault(name);
}
