using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>A parameter in host memory: plain fp32 rows (Vector, Table) or panels for the matrix product, in fp32 or the half type of the file.</summary>
internal sealed unsafe class CpuWeight : Weight
{
    private readonly NativeBlock _block;

    /// <summary>Wraps memory that a backend has filled, and owns it.</summary>
    public CpuWeight(CpuOps owner, WeightSource source, WeightRole role, NativeBlock block, PackedShape packed = default, DType type = DType.F32)
        : base(source.Name, source.Shape, role)
    {
        Owner = owner;
        Packed = packed;
        Type = type;
        _block = block;
    }

    /// <summary>The backend that loaded it.</summary>
    public CpuOps Owner { get; }

    /// <summary>How the panels are laid out; default for plain rows.</summary>
    public PackedShape Packed { get; }

    /// <summary>The type in which its values rest.</summary>
    public DType Type { get; }

    /// <summary>First value, 64-byte aligned, of a weight that rests in fp32.</summary>
    /// <exception cref="ObjectDisposedException">The weight has been disposed.</exception>
    /// <exception cref="InvalidOperationException">It rests in a half type.</exception>
    public float* Data => Type == DType.F32 ? (float*)_block.Pointer : throw new InvalidOperationException($"{Name}: its values rest as {Type}, not as F32.");

    /// <summary>Its values as they rest, 64-byte aligned.</summary>
    /// <exception cref="ObjectDisposedException">The weight has been disposed.</exception>
    public RestingValues Values => new(_block.Pointer, Type);

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
