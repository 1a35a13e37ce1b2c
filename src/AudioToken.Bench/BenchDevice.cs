using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>What is measured: a backend's operations, a clock that fits the device, and the device's roofs.</summary>
public abstract class BenchDevice : IDisposable
{
    /// <summary>Takes the operations over; disposing the device disposes them.</summary>
    protected BenchDevice(ITensorOps ops) => Ops = ops;

    /// <summary>The operations.</summary>
    public ITensorOps Ops { get; }

    /// <summary>What it is, for reports.</summary>
    public abstract string Description { get; }

    /// <summary>The type of activations and weights.</summary>
    public abstract DType Storage { get; }

    /// <summary>Bytes of an element of an activation or a weight.</summary>
    public int ElementBytes => Storage.Size();

    /// <summary>Bytes of the last cache: inputs take turns until they are twice as much, so that none is found in it.</summary>
    public abstract long CacheBytes { get; }

    /// <summary>Bytes of memory that inputs may take.</summary>
    public abstract long MemoryBytes { get; }

    /// <summary>Kernels launched so far, recorded ones at each of their launches; null on a device that has none.</summary>
    public abstract long? Launches { get; }

    /// <summary>Page faults of this process so far that the system served from memory; null where they are not counted or not the device's.</summary>
    public virtual long? PageFaults => null;

    /// <summary>A library that is measured too; null for none.</summary>
    public virtual BenchPeer? Peer => null;

    /// <summary>False for a device whose times mean nothing: it is counted and not timed.</summary>
    public abstract bool HasTimes { get; }

    /// <summary>True if an operation has come to its end when its call returns, so that the host's clock can time it.</summary>
    public abstract bool IsSynchronous { get; }

    /// <summary>Times something as it is asked for, again and again.</summary>
    /// <param name="repetitions">At least 1.</param>
    /// <param name="run">What is timed; a scope of its own is open.</param>
    /// <param name="cancellation">Looked at between repetitions.</param>
    /// <returns>Seconds of each repetition.</returns>
    public abstract double[] Time(int repetitions, Action run, CancellationToken cancellation);

    /// <summary>Times short runs that take turns on several sets of inputs, as nearly back to back as the device can.</summary>
    /// <param name="repetitions">At least 1.</param>
    /// <param name="turns">Turns until the first set has its turn again, at least 1.</param>
    /// <param name="run">Given the turn; asks for the same each time, uploads nothing that changes and downloads nothing.</param>
    /// <param name="cancellation">Looked at between repetitions.</param>
    /// <returns>Seconds of one run, of each repetition; a repetition is one run, or where the device can replay recorded work a recording of all turns.</returns>
    public abstract double[] TimeTurns(int repetitions, int turns, Action<int> run, CancellationToken cancellation);

    /// <summary>The arithmetic roof of the moment in FLOP/s; null where none can be measured.</summary>
    public abstract double? ArithmeticPeak();

    /// <summary>The roof of memory in bytes/s; null where none can be measured. Measured once.</summary>
    public abstract double? Bandwidth { get; }

    /// <summary>Measures all roofs.</summary>
    public abstract IReadOnlyList<Ceiling> Ceilings();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends what the device holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        Peer?.Dispose();
        Ops.Dispose();
    }
}
