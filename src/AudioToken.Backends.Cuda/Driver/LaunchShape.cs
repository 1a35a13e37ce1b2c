using System.Globalization;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>How a kernel is launched: blocks, threads of a block, dynamic shared memory in bytes, and how many neighbouring blocks run together.</summary>
internal readonly record struct LaunchShape(uint GridX, uint GridY, uint GridZ, uint Threads, uint SharedBytes = 0, uint Cluster = 1)
{
    /// <summary>A one-dimensional grid.</summary>
    public LaunchShape(uint blocks, uint threads)
        : this(blocks, 1, 1, threads)
    {
    }

    /// <summary>E.g. <c>grid 64x20x1, 128 threads, 30720 bytes shared</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"grid {GridX}x{GridY}x{GridZ}{(Cluster > 1 ? $" in clusters of {Cluster}" : "")}, {Threads} threads, {SharedBytes} bytes shared");
}
