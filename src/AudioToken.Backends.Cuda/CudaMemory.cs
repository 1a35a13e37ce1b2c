namespace AudioToken.Backends.Cuda;

/// <summary>Hands out device memory for tensors and takes it back for the next tensor of about that size.</summary>
/// <remarks>All work runs in one stream, so memory may be handed out again at once: who used it before is done when the next comes to run.
/// A loop that repeats one sequence of requests is served at the same addresses, from what its first round left.</remarks>
internal sealed class CudaMemory : IDisposable
{
    private const long Granularity = 256;
    private readonly CudaContext _context;

    // Smallest first, so that the first fit is the best one; equal sizes are used last in, first out.
    private readonly List<CudaStorage> _free = [];
    private bool _disposed;

    /// <summary>Makes an empty pool.</summary>
    public CudaMemory(CudaContext context) => _context = context;

    /// <summary>Where the memory is, e.g. <c>cuda:0</c>.</summary>
    public string Device => _context.Device;

    /// <summary>Bytes that tensors hold.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>Bytes taken from the device.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>The most bytes held at a time.</summary>
    public long PeakHeldBytes { get; private set; }

    /// <summary>How often the device was asked.</summary>
    public long Allocations { get; private set; }

    /// <summary>Memory of at least the given size with undefined contents.</summary>
    public CudaStorage Take(long bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        long wanted = Math.Max(Granularity, (bytes + Granularity - 1) / Granularity * Granularity);
        int at = FirstAtLeast(wanted);
        CudaStorage storage;

        // A waiting block of up to a quarter more serves; a larger one is kept for those who need it.
        if (at < _free.Count && _free[at].Bytes <= wanted + (wanted / 4))
        {
            storage = _free[at];
            _free.RemoveAt(at);
        }
        else
        {
            storage = new CudaStorage(this, New(wanted), wanted);
            HeldBytes += wanted;
            PeakHeldBytes = Math.Max(PeakHeldBytes, HeldBytes);
            Allocations++;
        }

        LiveBytes += storage.Bytes;
        return storage;
    }

    /// <summary>Takes memory back; tensors that look at it are dead from now on.</summary>
    public void GiveBack(CudaStorage storage)
    {
        storage.GiveBack();
        LiveBytes -= storage.Bytes;
        if (_disposed)
            Free(storage);
        else
            _free.Insert(FirstAtLeast(storage.Bytes), storage);
    }

    /// <summary>Frees all waiting memory; live memory is freed when it is given back.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        FreeWaiting();
    }

    // The device is asked a second time after all that waits was freed.
    private ulong New(long bytes)
    {
        if (_context.TryAllocate(bytes, out ulong address))
            return address;
        FreeWaiting();
        return _context.Allocate(bytes);
    }

    private void FreeWaiting()
    {
        foreach (CudaStorage storage in _free)
            Free(storage);
        _free.Clear();
    }

    private void Free(CudaStorage storage)
    {
        HeldBytes -= storage.Bytes;
        _context.Free(storage.Address);
    }

    private int FirstAtLeast(long bytes)
    {
        (int low, int high) = (0, _free.Count);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _free[middle].Bytes < bytes ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
