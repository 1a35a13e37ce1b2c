using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>A library that is measured beside the device's own operations, in products of a matrix with a weight.</summary>
public abstract class BenchPeer : IDisposable
{
    /// <summary>As on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>Of the library.</summary>
    public abstract string Version { get; }

    /// <summary>As much of an epilogue as the library has.</summary>
    public abstract Epilogue PartOf(in Epilogue epilogue);

    /// <summary>The form of an activation that the library has in place of ours, and how far from ours it is at most; null where it has ours.</summary>
    public abstract (string Name, double Error)? FormOf(Activation activation);

    /// <summary>Makes a product ready.</summary>
    /// <param name="x">Its innermost extent is the depth.</param>
    /// <param name="weight">[N, depth], or a window of one pixel.</param>
    /// <param name="part">What <see cref="PartOf"/> gave.</param>
    /// <returns>The ways in which the library may compute it, as many for every product of the same form; each call asks the device for one more run and gives its result.</returns>
    public abstract IReadOnlyList<Func<Tensor>> Prepare(Tensor x, Weight weight, in Epilogue part);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the library's part.</summary>
    protected abstract void Dispose(bool disposing);
}
