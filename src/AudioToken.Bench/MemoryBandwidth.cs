using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace AudioToken.Bench;

/// <summary>The roof of memory: how fast the processor reads and copies what no cache holds.</summary>
public static unsafe class MemoryBandwidth
{
    private const int Repetitions = 3;

    /// <summary>Reads and copies, each the best of three passes over buffers of their own for each thread.</summary>
    /// <param name="threads">At least 1.</param>
    /// <param name="bytes">Bytes of all buffers together, for the sources and for the targets each; several times the last cache.</param>
    /// <returns>Bytes/s read; and bytes/s of a copy, where each byte copied counts twice, read and written.</returns>
    public static (double Read, double Copy) Measure(int threads, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        nuint each = (nuint)Math.Max(1 << 16, bytes / threads / 256 * 256);
        nint[] sources = Take(threads, each), targets = Take(threads, each);
        try
        {
            double read = 0, copy = 0;
            for (int i = 0; i < Repetitions; i++)
            {
                read = Math.Max(read, ThreadRates.Sum(threads, own => Read((void*)sources[own], each)));
                copy = Math.Max(copy, ThreadRates.Sum(threads, own => Copy((void*)sources[own], (void*)targets[own], each)));
            }

            return (read, copy);
        }
        finally
        {
            foreach (nint buffer in (nint[])[.. sources, .. targets])
                NativeMemory.AlignedFree((void*)buffer);
        }
    }

    // Written once: a page that was never written is the one page of zeros, which a cache holds.
    private static nint[] Take(int threads, nuint bytes)
    {
        nint[] buffers = new nint[threads];
        for (int i = 0; i < threads; i++)
        {
            void* buffer = NativeMemory.AlignedAlloc(bytes, 64);
            NativeMemory.Fill(buffer, bytes, 1);
            buffers[i] = (nint)buffer;
        }

        return buffers;
    }

    private static double Read(void* source, nuint bytes)
    {
        long at = Stopwatch.GetTimestamp();
        Vector<ulong>* end = (Vector<ulong>*)((byte*)source + bytes);
        Vector<ulong> a = default, b = default, c = default, d = default;
        for (Vector<ulong>* p = (Vector<ulong>*)source; p < end; p += 4)
        {
            a ^= p[0];
            b ^= p[1];
            c ^= p[2];
            d ^= p[3];
        }

        double seconds = Stopwatch.GetElapsedTime(at).TotalSeconds;
        GC.KeepAlive(a ^ b ^ c ^ d);
        return bytes / seconds;
    }

    private static double Copy(void* source, void* target, nuint bytes)
    {
        long at = Stopwatch.GetTimestamp();
        Buffer.MemoryCopy(source, target, (ulong)bytes, (ulong)bytes);
        return 2.0 * bytes / Stopwatch.GetElapsedTime(at).TotalSeconds;
    }
}
