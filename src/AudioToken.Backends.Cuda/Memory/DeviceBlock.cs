using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda.Memory;

/// <summary>Device memory of one or, after another, many tensors.</summary>
internal sealed class DeviceBlock : TensorStorage
{
    private int[] _indices = [];
    private int _indexCount;

    /// <summary>Names memory that a pool has taken.</summary>
    public DeviceBlock(DeviceMemory owner, DevicePointer pointer, long bytes) => (Owner, Pointer, Bytes) = (owner, pointer, bytes);

    /// <inheritdoc/>
    public override string Device => Owner.DeviceName;

    /// <summary>The pool that hands it out.</summary>
    public DeviceMemory Owner { get; }

    /// <summary>The arena that has it from the pool, if any.</summary>
    public DeviceArena? Arena { get; set; }

    /// <summary>The first byte, at a multiple of 256.</summary>
    public DevicePointer Pointer { get; }

    /// <summary>Size.</summary>
    public long Bytes { get; }

    /// <summary>What was uploaded as indices, on the host too: they are held to a table without asking the device. Empty for other tensors.</summary>
    public ReadOnlySpan<int> Indices => _indices.AsSpan(0, _indexCount);

    /// <summary>Of the tensor that the block was taken for, if whoever made it told them.</summary>
    public ResultMoments? Moments { get; set; }

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
        Moments = null;
        Retire();
    }
}
