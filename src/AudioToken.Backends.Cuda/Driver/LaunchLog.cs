using System.Buffers;
using System.Runtime.InteropServices;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>Launches and copies in their order, to the byte: kernels, shapes, arguments. Two equal logs are the same work at the same addresses.</summary>
internal sealed class LaunchLog
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

    /// <summary>Whether both are the same work.</summary>
    public bool Matches(LaunchLog other) => _bytes.WrittenSpan.SequenceEqual(other._bytes.WrittenSpan);

    private void Write<T>(T entry)
        where T : unmanaged => _bytes.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in entry)));
}
