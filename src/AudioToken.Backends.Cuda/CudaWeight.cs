using AudioToken.Backends.Cuda.Memory;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>A parameter in device memory: rows of the storage type (fp32 for vectors).</summary>
internal sealed class CudaWeight : Weight
{
    private readonly DeviceBlock _block;
    private bool _disposed;

    /// <summary>Names memory that a backend has filled, and owns it.</summary>
    public CudaWeight(CudaOps owner, WeightSource source, WeightRole role, DeviceBlock block, DType type, int depth, int stride)
        : base(source.Name, source.Shape, role)
    {
        Owner = owner;
        _block = block;
        Type = type;
        Depth = depth;
        Stride = stride;
    }

    /// <summary>The backend that loaded it.</summary>
    public CudaOps Owner { get; }

    /// <summary>Type of its elements.</summary>
    public DType Type { get; }

    /// <summary>Elements of a row: the terms of a sum, in the order of a window's channels-last memory.</summary>
    public int Depth { get; }

    /// <summary>Elements from row to row: the depth rounded up to a multiple of 8, filled with zeros.</summary>
    public int Stride { get; }

    /// <summary>The first element.</summary>
    /// <exception cref="ObjectDisposedException">The weight has been disposed.</exception>
    public ulong Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _block.Pointer.Address;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_disposed)
            return;
        _disposed = true;
        Owner.FreeWeight(_block);
    }
}
