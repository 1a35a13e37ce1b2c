using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>Host memory of one or, after another, many tensors.</summary>
internal sealed unsafe class CpuStorage : TensorStorage, IDisposable
{
    private readonly NativeBlock _block;

    /// <summary>Takes memory from the system for a pool.</summary>
    public CpuStorage(CpuMemory owner, long bytes)
    {
        Owner = owner;
        _block = new NativeBlock(bytes);
    }

    /// <inheritdoc/>
    public override string Device => CpuOps.DeviceName;

    /// <summary>The pool that hands it out.</summary>
    public CpuMemory Owner { get; }

    /// <summary>Size.</summary>
    public long Bytes => _block.Bytes;

    /// <summary>The first byte, 64-byte aligned.</summary>
    public void* Pointer => _block.Pointer;

    /// <summary>Ends the life of the tensors that look at it.</summary>
    public void GiveBack() => Retire();

    /// <inheritdoc/>
    public void Dispose() => _block.Dispose();
}
