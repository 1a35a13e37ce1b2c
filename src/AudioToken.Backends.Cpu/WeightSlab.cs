namespace AudioToken.Backends.Cpu;

/// <summary>Memory from the system that many small weights share: huge pages, a few faults, and few calls to take it and to give it back.</summary>
/// <remarks>Pieces are handed out one behind the other and are not handed out again; when the last of them and the slab itself have been given up, the memory is freed.</remarks>
internal sealed unsafe class WeightSlab : IDisposable
{
    /// <summary>Weights of more bytes have memory of their own.</summary>
    public const long LargestPiece = 1 << 20;

    private const long Size = 8 << 20;
    private const long Alignment = 64;

    private readonly NativeBlock _block = new(Size);
    private long _used;
    private int _holders = 1; // the slab itself, and each piece
    private bool _closed;

    /// <summary>A piece of undefined contents, or null where no room is left.</summary>
    /// <param name="bytes">At most <see cref="LargestPiece"/>.</param>
    public NativeBlock? TryTake(long bytes)
    {
        long end = _used + (Math.Max(bytes, 1) + Alignment - 1) / Alignment * Alignment;
        if (end > Size)
            return null;
        NativeBlock piece = new((byte*)_block.Pointer + _used, bytes, this);
        _used = end;
        Interlocked.Increment(ref _holders);
        return piece;
    }

    /// <summary>Gives up one piece.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
            _block.Dispose();
    }

    /// <summary>Gives up the slab: no more pieces are taken.</summary>
    public void Dispose()
    {
        if (_closed)
            return;
        _closed = true;
        Release();
    }
}
