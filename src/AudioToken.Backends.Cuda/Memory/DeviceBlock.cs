using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda.Memory;

/// <summary>Device memory of one or, after another, many tensors.</summary>
internal sealed class DeviceBlock : TensorStorage
{
    public DeviceBlock(DeviceMemory owner, DevicePointer pointer, long bytes) => (Owner, Pointer, Bytes) = (owner, pointer, bytes);

    /// <inheritdoc/>
    public override string Device => Owner.DeviceName;

    /// <summary>The pool that hands it out.</summary>
    public DeviceMemory Owner { get; }

    /// <summary>The first byte, at a multiple of 256.</summary>
    public DevicePointer Pointer { get; }

    /// <summary>Size.</summary>
    public long Bytes { get; }

    /// <summary>Ends the life of the tensors that look at it.</summary>
    public void GiveBack() => Retire();
}
