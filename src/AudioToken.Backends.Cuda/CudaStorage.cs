using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>Device memory of one or, after another, many tensors.</summary>
internal sealed class CudaStorage : TensorStorage
{
    /// <summary>Names a piece of device memory that a pool has taken.</summary>
    public CudaStorage(CudaMemory owner, ulong address, long bytes)
    {
        Owner = owner;
        Address = address;
        Bytes = bytes;
    }

    /// <inheritdoc/>
    public override string Device => Owner.Device;

    /// <summary>The pool that hands it out.</summary>
    public CudaMemory Owner { get; }

    /// <summary>The first byte, at a multiple of 256.</summary>
    public ulong Address { get; }

    /// <summary>Size.</summary>
    public long Bytes { get; }

    /// <summary>What was uploaded as I32: ids are checked against a table without asking the device. Empty for other tensors.</summary>
    public ReadOnlySpan<int> Indices => _indices.AsSpan(0, _indexCount);

    private int[] _indices = [];
    private int _indexCount;

    /// <summary>Remembers uploaded indices.</summary>
    public void Remember(ReadOnlySpan<int> indices)
    {
        if (_indices.Length < indices.Length)
            _indices = new int[indices.Length];
        indices.CopyTo(_indices);
        _indexCount = indices.Length;
    }

    /// <summary>Ends the life of the tensors that look at it.</summary>
    public void GiveBack()
    {
        _indexCount = 0;
        Retire();
    }
}
