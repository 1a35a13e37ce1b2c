using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Several collections as one; no name may stand in two of them.</summary>
public sealed class JoinedTensors : TensorCollection
{
    private readonly TensorCollection[] _parts;
    private readonly Dictionary<string, TensorCollection> _owners = [];

    /// <summary>Joins collections and owns them from now on.</summary>
    /// <exception cref="WeightFileException">A tensor stands in two collections; both are named.</exception>
    public JoinedTensors(string description, params TensorCollection[] parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        Description = description;
        _parts = parts;
        foreach (TensorCollection part in parts)
        {
            foreach (string name in part.Names)
            {
                if (!_owners.TryAdd(name, part))
                {
                    throw new WeightFileException(ErrorCode.Shards, description,
                        $"tensor {WeightFileException.Quote(name)} stands in both {_owners[name].Description} and {part.Description}.", "Two versions of one model in a folder?");
                }
            }
        }
    }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _owners.Keys;

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => _owners.GetValueOrDefault(name)?.Find(name);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (TensorCollection part in _parts)
            part.Dispose();
        base.Dispose(disposing);
    }
}
