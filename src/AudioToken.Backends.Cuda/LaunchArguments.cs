using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cuda;

/// <summary>The values of a kernel's parameters, in order; lives on the stack of the one who launches.</summary>
internal unsafe ref struct LaunchArguments
{
    private const int MaxBytes = 512, MaxCount = 16;

    private fixed byte _bytes[MaxBytes];
    private fixed int _offsets[MaxCount];
    private int _used;

    /// <summary>Number of parameters.</summary>
    public int Count { get; private set; }

    /// <summary>Adds the next parameter: a number, an address, or a struct laid out as the kernel's.</summary>
    [UnscopedRef]
    public ref LaunchArguments Add<T>(in T value)
        where T : unmanaged
    {
        int at = (_used + 7) & ~7;
        if (Count == MaxCount || at + sizeof(T) > MaxBytes)
            throw new InvalidOperationException($"A kernel takes at most {MaxCount} parameters of {MaxBytes} bytes in all.");
        Unsafe.WriteUnaligned(ref _bytes[at], value);
        _offsets[Count++] = at;
        _used = at + sizeof(T);
        return ref this;
    }

    /// <summary>Writes the address of each parameter; they hold as long as this struct, which must not move, lives.</summary>
    public void Addresses(void** to)
    {
        byte* first = (byte*)Unsafe.AsPointer(ref _bytes[0]);
        for (int i = 0; i < Count; i++)
            to[i] = first + _offsets[i];
    }
}
