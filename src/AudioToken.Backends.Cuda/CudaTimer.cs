using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;

namespace AudioToken.Backends.Cuda;

/// <summary>Times work by the device's own clock.</summary>
/// <remarks>Runs are asked for ahead, and a copy of twice the second-level cache keeps the device busy while the host asks for the first of them,
/// so that a run is not timed by how fast it is asked for. A run finds in the cache what the one before left there.</remarks>
public sealed class CudaTimer : IDisposable
{
    private const int Queued = 16; // runs between two waits: few enough to be cancelled soon
    private readonly CudaContext _context;
    private readonly DeviceMemory _memory;
    private readonly DeviceBlock _other;
    private readonly long _half;
    private readonly List<CudaEvent> _events = [];

    /// <summary>Takes memory of twice the second-level cache.</summary>
    internal CudaTimer(CudaContext context)
    {
        _context = context;
        _memory = new DeviceMemory(context);
        try
        {
            _half = Math.Max(1 << 20, context.Device.CacheBytes);
            _other = _memory.Take(2 * _half);
            for (int i = 0; i < 2 * Queued; i++)
                _events.Add(new CudaEvent(context, timed: true));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs something several times.</summary>
    /// <param name="repetitions">At least 1.</param>
    /// <param name="run">Given the number of the repetition; asks the device for work and does not wait for it.</param>
    /// <param name="cancellation">Looked at between repetitions.</param>
    /// <returns>Seconds of each repetition.</returns>
    /// <exception cref="CudaException">The work failed.</exception>
    public double[] Time(int repetitions, Action<int> run, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(repetitions, 1);
        ArgumentNullException.ThrowIfNull(run);
        _context.Enter();
        double[] seconds = new double[repetitions];
        for (int first = 0; first < repetitions; first += Queued)
        {
            int count = Math.Min(Queued, repetitions - first);
            _context.Copy(_other.Pointer, _other.Pointer + _half, _half);
            for (int i = 0; i < count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                _events[2 * i].Record(_context);
                run(first + i);
                _events[2 * i + 1].Record(_context);
            }

            _context.Synchronize();
            for (int i = 0; i < count; i++)
                seconds[first + i] = _events[2 * i].SecondsUntil(_events[2 * i + 1]);
        }

        return seconds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (CudaEvent made in _events)
            made.Dispose();
        _events.Clear();
        _memory.Dispose();
    }
}
