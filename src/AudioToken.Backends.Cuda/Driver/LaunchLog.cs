using System.Buffers;
using System.Runtime.InteropServices;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>Launches and copies in their order, to the byte: kernels, shapes, arguments. Two equal logs are the same work at the same addresses.</summary>
internal sealed class LaunchLog : IEquatable<LaunchLog>
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>Kernels among them.</summary>
    public long Kernels { get; private set; }

    /// <summary>Begins anew, in the same memory.</summary>
    public void Clear()
    {
        _bytes.ResetWrittenCount();
        Kernels = 0;
    }

    /// <summary>Adds a launch.</summary>
    public void Add(CudaKernel kernel, in LaunchShape shape, in KernelArguments arguments)
    {
        Kernels++;
        Write((kernel.Function, shape, (long)arguments.Bytes.Length)); // no padding, whose bytes are anybody's guess
        _bytes.Write(arguments.Bytes);
    }

    /// <summary>Adds a copy within the device.</summary>
    public void Add(DevicePointer to, DevicePointer from, long bytes) => Write((default(nint), to.Address, from.Address, bytes)); // no kernel is at 0

    /// <inheritdoc/>
    public bool Equals(LaunchLog? other) => other is not null && _bytes.WrittenSpan.SequenceEqual(other._bytes.WrittenSpan);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LaunchLog);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kernels, _bytes.WrittenCount);

    private void Write<T>(T entry)
        where T : unmanaged => _bytes.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in entry)));
}
