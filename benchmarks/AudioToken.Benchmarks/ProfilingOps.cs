using System.Diagnostics;
using AudioToken.Tensors;

namespace AudioToken.Benchmarks;

/// <summary>Adds up the wall time of each operation.</summary>
internal sealed class ProfilingOps(ITensorOps inner) : DelegatingOps(inner)
{
    private readonly Dictionary<string, (int Calls, long Ticks)> _times = [];
    private long _start;

    /// <summary>Calls and milliseconds by operation, the longest first.</summary>
    public IEnumerable<(string Operation, int Calls, double Milliseconds)> Times => _times
        .OrderByDescending(entry => entry.Value.Ticks)
        .Select(entry => (entry.Key, entry.Value.Calls, entry.Value.Ticks * 1000.0 / Stopwatch.Frequency));

    /// <summary>Forgets all.</summary>
    public void Reset() => _times.Clear();

    /// <inheritdoc/>
    protected override void Before(string operation) => _start = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    protected override void After(string operation, Tensor result)
    {
        (int calls, long ticks) = _times.GetValueOrDefault(operation);
        _times[operation] = (calls + 1, ticks + Stopwatch.GetTimestamp() - _start);
    }
}
