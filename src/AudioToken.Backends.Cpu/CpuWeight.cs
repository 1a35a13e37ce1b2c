using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>A parameter in host memory: plain fp32 rows (Vector, Table) or panels for the matrix product.</summary>
internal sealed unsafe class CpuWeight : Weight
{
    private readonly NativeBlock _block;

    /// <summary>Wraps memory that a backend has filled, and owns it.</summary>
    public CpuWeight(CpuOps owner, WeightSource source, WeightRole role, NativeBlock block, PackedShape packed = default)
        : base(source.Name, source.Shape, role)
    {
        Owner = owner;
        Packed = packed;
        _block = block;
    }

    /// <summary>The backend that loaded it.</summary>
    public CpuOps Owner { get; }

    /// <summary>How the panels are laid out; default for plain rows.</summary>
    public PackedShape Packed { get; }

    /// <summary>First value, 64-byte aligned.</summary>
    /// <exception cref="ObjectDisposedException">The weight has been disposed.</exception>
    public float* Data => (float*)_block.Pointer;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !Disposed)
        {
            Disposed = true;
            Owner.WeightBytes -= _block.Bytes;
            _block.Dispose();
        }
    }

    private bool Disposed { get; set; }
}
