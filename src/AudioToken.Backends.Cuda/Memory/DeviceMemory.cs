using System.Globalization;
using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Memory;

/// <summary>Hands out device memory and takes it back for the next tensor of about that size.</summary>
/// <remarks>Everything is used in the order of one stream, so a block may be handed out again at once: its next user comes later in the
/// stream. A loop that repeats one sequence of requests asks the driver for nothing after its first round. Not safe for concurrent calls.</remarks>
internal sealed class DeviceMemory : IDisposable
{
    private const long Step = 512; // sizes that differ by less share blocks

    private readonly CudaContext _context;
    private readonly bool _counts;
    private readonly List<DeviceBlock> _free = []; // smallest first, of one size by address: what is taken does not depend on the order in which it came back
    private readonly HashSet<DeviceBlock> _live = [];
    private bool _disposed;

    /// <param name="context">Where the memory is.</param>
    /// <param name="counts">Takes no memory and only counts it.</param>
    public DeviceMemory(CudaContext context, bool counts = false)
    {
        (_context, _counts) = (context, counts);
        DeviceName = string.Create(CultureInfo.InvariantCulture, $"cuda:{context.Device.Index}");
    }

    /// <summary>E.g. <c>cuda:0</c>.</summary>
    public string DeviceName { get; }

    /// <summary>Bytes that are handed out.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>The most bytes handed out at a time since the last reset.</summary>
    public long PeakLiveBytes { get; private set; }

    /// <summary>Bytes taken from the driver.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>The most bytes held at a time.</summary>
    public long PeakHeldBytes { get; private set; }

    /// <summary>How often the driver was asked.</summary>
    public long Allocations { get; private set; }

    /// <summary>Another pool of the same stream whose waiting memory is given up, too, where the device has none left.</summary>
    public DeviceMemory? Neighbour { get; init; }

    /// <summary>Serves all requests while it is set.</summary>
    public DeviceArena? Arena { get; set; }

    /// <summary>Memory of at least the given size with undefined contents.</summary>
    /// <exception cref="CudaException">6101: the device has none left, not even after all waiting blocks were freed.</exception>
    public DeviceBlock Take(long bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        long wanted = (Math.Max(bytes, 1) + Step - 1) / Step * Step;
        return Arena is null ? TakeFromPool(wanted) : Arena.Take(wanted);
    }

    /// <summary>Whether a request may have a block: it is large enough, and not by more than a quarter.</summary>
    public static bool Fits(DeviceBlock block, long wanted) => block.Bytes >= wanted && block.Bytes <= wanted + wanted / 4 + Step;

    /// <summary>As <see cref="Take"/> in whole steps, whether or not there is an <see cref="Arena"/>.</summary>
    public DeviceBlock TakeFromPool(long wanted)
    {
        int at = FirstAtLeast(wanted);
        DeviceBlock block;
        if (at < _free.Count && Fits(_free[at], wanted))
        {
            block = _free[at];
            _free.RemoveAt(at);
        }
        else
        {
            block = Allocate(wanted);
        }

        _live.Add(block);
        LiveBytes += block.Bytes;
        PeakLiveBytes = Math.Max(PeakLiveBytes, LiveBytes);
        return block;
    }

    /// <summary>Starts a new peak at what is handed out now.</summary>
    public void ResetPeak() => PeakLiveBytes = LiveBytes;

    /// <summary>Takes memory back; tensors that look at it are dead from now on.</summary>
    public void GiveBack(DeviceBlock block)
    {
        if (block.Arena is null ? !_live.Remove(block) : !_live.Contains(block))
            return; // freed with the pool
        block.GiveBack();
        if (block.Arena is not null)
        {
            block.Arena.GiveBack(block);
            return;
        }

        LiveBytes -= block.Bytes;
        _free.Insert(FirstAtLeast(block.Bytes, block.Pointer.Address), block);
    }

    /// <summary>Frees what waits.</summary>
    public void Trim()
    {
        foreach (DeviceBlock block in _free)
            Free(block);
        _free.Clear();
    }

    /// <summary>Frees everything, what is handed out too: tensors that look at it are dead.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        foreach (DeviceBlock block in _live.ToArray())
        {
            block.Arena = null;
            GiveBack(block);
        }

        Trim();
        _disposed = true;
    }

    private DeviceBlock Allocate(long bytes)
    {
        bool taken = TryTake(bytes, out ulong address);
        if (!taken && (_free.Count > 0 || Neighbour?._free.Count > 0))
        {
            // What waits may be what is missing.
            Trim();
            Neighbour?.Trim();
            taken = TryTake(bytes, out address);
        }

        if (!taken)
            throw Exhausted(bytes);
        DeviceBlock block = new(this, new DevicePointer(address), bytes);
        HeldBytes += bytes;
        PeakHeldBytes = Math.Max(PeakHeldBytes, HeldBytes);
        Allocations++;
        return block;
    }

    private bool TryTake(long bytes, out ulong address)
    {
        address = 0;
        return _counts || _context.TryTake(bytes, out address);
    }

    private void Free(DeviceBlock block)
    {
        HeldBytes -= block.Bytes;
        if (!_counts && _context.TryEnter())
            _context.GiveBack(block.Pointer.Address);
    }

    private CudaException Exhausted(long bytes)
    {
        (long free, long total) = _context.MemoryInfo();
        return new CudaException(
            CudaErrors.Memory,
            string.Create(CultureInfo.InvariantCulture, $"{DeviceName} has not enough memory: {Megabytes(bytes)} MB wanted beside {Megabytes(LiveBytes)} MB in use here; {Megabytes(free)} of {Megabytes(total)} MB are free"),
            "draw a smaller picture (-W, -H) or fewer at once, or free the device's memory (nvidia-smi shows who holds it)",
            (int)CudaResult.OutOfMemory);
    }

    private static long Megabytes(long bytes) => (bytes + 999_999) / 1_000_000;

    private int FirstAtLeast(long bytes, ulong address = 0)
    {
        int low = 0, high = _free.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_free[middle].Bytes < bytes || (_free[middle].Bytes == bytes && _free[middle].Pointer.Address < address))
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
