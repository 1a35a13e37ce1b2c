using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda;

/// <summary>Graphs of steps whose loops have ended, for a later loop that asks for the very same work at the same addresses.</summary>
/// <remarks>A loop has its graph for itself. The memory that a graph names went back to the pool with its loop: it is launched again only where a loop was given
/// the same memory for the same purposes.</remarks>
internal sealed class RecordedSteps : IDisposable
{
    private const int Most = 4;

    private readonly List<CudaGraph> _graphs = []; // the one used last at the end

    /// <summary>The graph of this work, or null.</summary>
    public CudaGraph? Take(LaunchLog work)
    {
        int at = _graphs.FindIndex(graph => graph.Work.Matches(work));
        if (at < 0)
            return null;
        CudaGraph found = _graphs[at];
        _graphs.RemoveAt(at);
        return found;
    }

    /// <summary>Keeps a graph, and lets the one go that was not used for longest.</summary>
    public void GiveBack(CudaGraph graph)
    {
        _graphs.Add(graph);
        if (_graphs.Count <= Most)
            return;
        _graphs[0].Dispose();
        _graphs.RemoveAt(0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (CudaGraph graph in _graphs)
            graph.Dispose();
        _graphs.Clear();
    }
}
