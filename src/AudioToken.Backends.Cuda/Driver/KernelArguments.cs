using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cuda.Driver;

/// <summary>The arguments of one launch, in order: numbers, <see cref="DevicePointer"/>s and structs laid out as the kernel's own.</summary>
/// <example><code>
/// KernelArguments arguments = new();
/// arguments.Add(y).Add(x).Add(count);
/// </code></example>
internal ref struct KernelArguments
{
    /// <summary>The most arguments of a kernel.</summary>
    public const int MaxCount = 24;

    private const int MaxBytes = 1024;

    private Storage _bytes;
    private Offsets _offsets;
    private int _used;

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Adds one argument, at a multiple of 16 bytes.</summary>
    [UnscopedRef]
    public ref KernelArguments Add<T>(in T value)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        if (Count == MaxCount || _used + size > MaxBytes)
            throw new InvalidOperationException($"a kernel has at most {MaxCount} arguments and {MaxBytes} bytes of them");
        Unsafe.WriteUnaligned(ref _bytes[_used], value);
        _offsets[Count++] = (_used, size);
        _used = (_used + size + 15) & ~15;
        return ref this;
    }

    /// <summary>All of them, each at a multiple of 16 bytes with zeros up to the next.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes => ((ReadOnlySpan<byte>)_bytes)[.._used];

    /// <summary>Size of an argument in bytes.</summary>
    public readonly int Size(int index) => _offsets[index].Size;

    /// <summary>Writes the address of each argument. The struct must not move while they are in use.</summary>
    internal unsafe void Point(byte* start, void** addresses)
    {
        for (int i = 0; i < Count; i++)
            addresses[i] = start + _offsets[i].Offset;
    }

    /// <summary>The first byte.</summary>
    [UnscopedRef]
    internal ref byte Start => ref _bytes[0];

    [InlineArray(MaxBytes)]
    private struct Storage
    {
        private byte _first;
    }

    [InlineArray(MaxCount)]
    private struct Offsets
    {
        private (int Offset, int Size) _first;
    }
}
