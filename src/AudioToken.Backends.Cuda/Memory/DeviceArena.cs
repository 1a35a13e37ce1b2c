namespace AudioToken.Backends.Cuda.Memory;

/// <summary>Memory at fixed addresses for work that asks for the same tensors each time: what the first round was given, later rounds get again.</summary>
/// <remarks>Its blocks stay out of the pool until <see cref="Dispose"/>, since recorded work has their addresses.</remarks>
internal sealed class DeviceArena(DeviceMemory memory) : IDisposable
{
    private readonly List<DeviceBlock> _plan = []; // the block of each request, in order
    private readonly HashSet<DeviceBlock> _blocks = [];
    private readonly HashSet<DeviceBlock> _free = [];
    private int _next;

    /// <summary>No request may be new: the work is being recorded, and the driver must not be asked for memory.</summary>
    public bool IsSealed { get; set; }

    /// <summary>No two requests of a round share a block.</summary>
    public bool KeepsEach { get; init; }

    /// <summary>Bytes kept out of the pool.</summary>
    public long Bytes => _blocks.Sum(block => block.Bytes);

    /// <summary>Begins the next round.</summary>
    public void Rewind() => _next = 0;

    /// <summary>The block of the next request; in a first round the smallest free one that does not waste a quarter, or else one of the pool.</summary>
    /// <exception cref="InvalidOperationException">The round asks for other memory than the first one.</exception>
    public DeviceBlock Take(long bytes)
    {
        if (_next < _plan.Count)
        {
            DeviceBlock planned = _plan[_next++];
            if (planned.Bytes < bytes || !_free.Remove(planned))
                throw Differs();
            return planned;
        }

        if (IsSealed)
            throw Differs();
        DeviceBlock? freed = KeepsEach ? null : _free.Where(free => DeviceMemory.Fits(free, bytes)).MinBy(free => (free.Bytes, free.Pointer.Address));
        DeviceBlock block = freed ?? Adopt(memory.TakeFromPool(bytes));
        _free.Remove(block);
        _plan.Add(block);
        _next++;
        return block;
    }

    /// <summary>Takes a block back for later requests of this arena.</summary>
    public void GiveBack(DeviceBlock block) => _free.Add(block);

    /// <summary>Gives all blocks to the pool.</summary>
    public void Dispose()
    {
        foreach (DeviceBlock block in _blocks)
        {
            block.Arena = null;
            memory.GiveBack(block);
        }

        _blocks.Clear();
    }

    private DeviceBlock Adopt(DeviceBlock block)
    {
        block.Arena = this;
        _blocks.Add(block);
        return block;
    }

    private static InvalidOperationException Differs() =>
        new("A repeated step asked for other memory than at its first run; its function must ask for the same operations each time.");
}
