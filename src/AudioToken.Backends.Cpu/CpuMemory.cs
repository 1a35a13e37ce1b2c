using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Hands out tensor memory and takes it back for the next tensor of about that size.</summary>
/// <remarks>A loop that repeats one sequence of requests is served from what its first round left. The pool does not hoard:
/// before it grows it frees waiting blocks, so that beside the live bytes at most <see cref="Slack"/> stay held.</remarks>
/// <param name="counts">Takes no memory and only counts it.</param>
internal sealed class CpuMemory(bool counts = false) : IDisposable
{
    /// <summary>The most bytes that wait unused when new memory is taken: enough for the activations of one UNet step, and little
    /// beside the feature maps of a 512x512 decoder.</summary>
    public const long Slack = 384L << 20;

    // Smallest first, so that the first fit is the best one; equal sizes are used last in, first out while they are warm in the cache.
    private readonly List<CpuStorage> _free = [];
    private long _live;
    private long _held;
    private long _peak;
    private long _peakLive;
    private long _allocations;
    private bool _disposed;

    /// <summary>Bytes that tensors hold.</summary>
    public long LiveBytes => _live;

    /// <summary>Bytes taken from the system.</summary>
    public long HeldBytes => _held;

    /// <summary>The most bytes held at a time.</summary>
    public long PeakHeldBytes => _peak;

    /// <summary>The most bytes live at a time since the last reset.</summary>
    public long PeakLiveBytes => _peakLive;

    /// <summary>How often the system was asked.</summary>
    public long Allocations => _allocations;

    /// <summary>Memory of at least the given size with undefined contents.</summary>
    /// <exception cref="AudioTokenException">6001: the system has none left, not even after all waiting blocks were freed.</exception>
    public CpuStorage Take(long bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        long wanted = RoundUp(bytes);
        int at = FirstAtLeast(wanted);
        CpuStorage storage;
        if (at < _free.Count && _free[at].Bytes <= LargestFit(wanted))
        {
            storage = _free[at];
            _free.RemoveAt(at);
        }
        else
        {
            Trim(wanted, Slack);
            storage = New(wanted);
            _held += wanted;
            _allocations++;
            _peak = Math.Max(_peak, _held);
        }

        _live += storage.Bytes;
        _peakLive = Math.Max(_peakLive, _live);
        return storage;
    }

    /// <summary>Starts a new peak at what is live now.</summary>
    public void ResetPeak() => _peakLive = _live;

    /// <summary>Takes memory back; tensors that look at it are dead from now on.</summary>
    public void GiveBack(CpuStorage storage)
    {
        storage.GiveBack();
        _live -= storage.Bytes;
        if (_disposed)
        {
            storage.Dispose();
            _held -= storage.Bytes;
            return;
        }

        _free.Insert(FirstAtLeast(storage.Bytes), storage);
    }

    /// <summary>Frees what waits.</summary>
    public void Trim() => Trim(0, -1);

    /// <summary>Frees all waiting memory; live memory is freed when it is given back.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (CpuStorage storage in _free)
        {
            _held -= storage.Bytes;
            storage.Dispose();
        }

        _free.Clear();
    }

    // Steps of an eighth: sizes that differ by little share blocks.
    private static long RoundUp(long bytes)
    {
        long step = Math.Max(64, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)Math.Max(bytes, 1)) / 16);
        return checked((Math.Max(bytes, 1) + step - 1) / step * step);
    }

    // A larger block may serve a small request, but not so that a large one is wasted on it.
    private static long LargestFit(long wanted) => wanted < 1 << 20 ? wanted * 4 : wanted + wanted / 4;

    private CpuStorage New(long bytes)
    {
        try
        {
            return new CpuStorage(this, bytes, counts);
        }
        catch (AudioTokenException) when (_free.Count > 0)
        {
            // What waits may be what is missing.
            Trim();
            return new CpuStorage(this, bytes, counts);
        }
    }

    // Frees the largest waiting blocks first: few system calls, and the likeliest to be left over from another stage.
    private void Trim(long wanted, long slack)
    {
        while (_free.Count > 0 && _held - _live + Math.Min(wanted, slack) > slack)
        {
            CpuStorage largest = _free[^1];
            _free.RemoveAt(_free.Count - 1);
            _held -= largest.Bytes;
            largest.Dispose();
        }
    }

    private int FirstAtLeast(long bytes)
    {
        int low = 0, high = _free.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_free[middle].Bytes < bytes)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
