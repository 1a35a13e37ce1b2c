using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Testing;

/// <summary>A checkpoint in memory.</summary>
public sealed class ArrayCheckpoint(IReadOnlyDictionary<string, WeightSource> sources) : TensorCollection
{
    /// <inheritdoc/>
    public override string Description => "checkpoint in memory";

    /// <inheritdoc/>
    public override IEnumerable<string> Names => sources.Keys;

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => sources.GetValueOrDefault(name);

    /// <summary>Tensors of one type and one value, whatever their size.</summary>
    public static ArrayCheckpoint Constant(IReadOnlyDictionary<string, Shape> shapes, DType type, float value) =>
        new(shapes.ToDictionary(entry => entry.Key, WeightSource (entry) => new ConstantSource(entry.Key, entry.Value, type, value)));

    /// <summary>A collection's tensors, renamed and reshaped.</summary>
    public static ArrayCheckpoint Of(TensorCollection tensors, Func<WeightSource, (string Name, Shape Shape)> change)
    {
        Dictionary<string, WeightSource> sources = [];
        foreach (string name in tensors.Names)
        {
            WeightSource source = tensors.Find(name)!;
            (string changed, Shape shape) = change(source);
            sources[changed] = new ArrayWeightSource(changed, shape, source.ReadAll());
        }

        return new ArrayCheckpoint(sources);
    }

    private sealed class ConstantSource(string name, Shape shape, DType type, float value) : WeightSource(name, shape, type)
    {
        public override void Read(long start, Span<float> destination) => destination.Fill(value);
    }
}
