using System.Collections.ObjectModel;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>Named tensors of one checkpoint, wherever they lie: a file, several shards, a part of a bundle, memory.</summary>
public abstract class TensorCollection : IDisposable
{
    /// <summary>What to call the collection in messages, e.g. the file's name.</summary>
    public abstract string Description { get; }

    /// <summary>Full names of all tensors.</summary>
    public abstract IEnumerable<string> Names { get; }

    /// <summary>What the file says beside its tensors, by key; empty where formats have no such thing.</summary>
    public virtual IReadOnlyDictionary<string, string> Metadata => ReadOnlyDictionary<string, string>.Empty;

    /// <summary>The tensor of that name, or null.</summary>
    public abstract WeightSource? Find(string name);

    /// <summary>Closes the files that were opened for this collection.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the files that were opened for this collection.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
