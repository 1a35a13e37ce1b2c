using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Host memory of one or, after another, many tensors.</summary>
internal sealed unsafe class CpuStorage : TensorStorage, IDisposable
{
    private readonly NativeBlock _block;

    /// <summary>Takes memory from the system for a pool.</summary>
    /// <param name="owner">The pool.</param>
    /// <param name="bytes">Size.</param>
    /// <param name="counted">Takes none, and is only counted.</param>
    public CpuStorage(CpuMemory owner, long bytes, bool counted)
    {
        Owner = owner;
        _block = new NativeBlock(bytes, counted);
    }

    /// <inheritdoc/>
    public override string Device => CpuOps.DeviceName;

    /// <summary>The pool that hands it out.</summary>
    public CpuMemory Owner { get; }

    /// <summary>Size.</summary>
    public long Bytes => _block.Bytes;

    /// <summary>The first byte, 64-byte aligned; null where it is only counted.</summary>
    public void* Pointer => _block.Pointer;

    /// <summary>Ends the life of the tensors that look at it.</summary>
    public void GiveBack() => Retire();

    /// <inheritdoc/>
    public void Dispose() => _block.Dispose();
}
