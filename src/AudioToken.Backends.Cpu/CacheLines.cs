using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace AudioToken.Backends.Cpu;

/// <summary>Asks for memory before it is needed, where a processor can be asked: reading ahead by itself, it follows a run of lines, but does not know where the next run begins.</summary>
internal static unsafe class CacheLines
{
    /// <summary>Bytes of a line; a processor with longer ones is asked twice.</summary>
    public const int Bytes = 64;

    /// <summary>Floats of a line.</summary>
    public const int Floats = Bytes / sizeof(float);

    /// <summary>At least so many floats, an odd number of lines: rows that lie as far apart, and are written and read together, do not share cache sets.</summary>
    public static long Apart(long floats) => ((floats + Floats - 1) / Floats | 1) * Floats;

    /// <summary>Asks for the line of an address, into the second level at least. The address need not be valid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Ask(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }

    /// <summary>Asks for all lines of a few floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Ask(float* first, int count)
    {
        for (int i = 0; i < count; i += Floats)
            Ask(first + i);
    }

    /// <summary>Asks for the first floats of a few rows: a head's part of a row is short, and the next one lies far away.</summary>
    public static void Ask(float* first, long stride, int rows, int columns)
    {
        for (int row = 0; row < rows; row++)
            Ask(first + row * stride, columns);
    }
}
