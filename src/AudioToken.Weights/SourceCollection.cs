using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Parameters from anywhere, gathered under their names: what was computed, or picked from other collections.</summary>
public sealed class SourceCollection : TensorCollection
{
    private readonly Dictionary<string, WeightSource> _sources;

    /// <summary>Gathers parameters.</summary>
    /// <exception cref="ArgumentException">Two have the same name.</exception>
    public SourceCollection(string description, IEnumerable<WeightSource> sources)
    {
        Description = description;
        _sources = sources.ToDictionary(source => source.Name);
    }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _sources.Keys;

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => _sources.GetValueOrDefault(name);
}
