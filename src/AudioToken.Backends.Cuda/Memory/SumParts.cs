using AudioToken.Backends.Cuda.Driver;

namespace AudioToken.Backends.Cuda.Memory;

/// <summary>Where blocks that share the sums of a tile leave their parts: one place for all launches, which follow each other in one stream.</summary>
/// <param name="memory">Where the place is; this object's to dispose of.</param>
/// <param name="staging">Clears the counters.</param>
/// <param name="counts">Nothing is copied.</param>
internal sealed class SumParts(DeviceMemory memory, PinnedStaging staging, bool counts) : IDisposable
{
    private DeviceBlock? _partial, _arrived;

    /// <summary>Bytes taken from the driver.</summary>
    public long HeldBytes => memory.HeldBytes;

    /// <summary>The place, taken when the first launch wants it.</summary>
    /// <param name="parts">Into how many the sums are cut; a sum in one part wants no place.</param>
    /// <exception cref="CudaException">6101: the device has no memory left.</exception>
    public Split Of(int parts)
    {
        if (parts == 1)
            return new Split(0, 0, 1);
        _partial ??= memory.Take(ProductPlan.PartialBytes);
        if (_arrived is null)
        {
            DeviceBlock arrived = memory.Take(ProductPlan.MaxTiles * sizeof(int));
            if (!counts)
                staging.Upload(new byte[ProductPlan.MaxTiles * sizeof(int)], arrived.Pointer); // each launch leaves its counters at zero
            _arrived = arrived;
        }

        return new Split(_partial.Pointer.Address, _arrived.Pointer.Address, parts);
    }

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();

    /// <summary>As Split in common/product.cuh.</summary>
    public readonly struct Split(ulong partial, ulong arrived, int parts)
    {
        public readonly ulong Partial = partial;
        public readonly ulong Arrived = arrived;
        public readonly long Parts = parts; // an int, and the padding behind it: launches are compared to the byte
    }
}
