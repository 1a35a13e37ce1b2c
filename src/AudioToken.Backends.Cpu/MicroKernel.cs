using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>Products of a few rows of A with one panel of B, the sums in registers throughout.</summary>
/// <remarks>
/// <para>A row of A is contiguous and the next one begins a constant distance later, so that each value is one broadcast at a fixed
/// distance from one pointer. The panel is [depth][width], a width being one or two vectors. The tile is
/// [rows][width]; with <c>first</c> unset the products are added to what it holds.</para>
/// <para>Every element is one chain of multiply-adds in the order of depth, whatever the height: results do not depend on the blocking.</para>
/// <para>Heights: 14 x 2 vectors are 28 of 32 registers (AVX-512), 6 x 2 are 12 of 16 (AVX2, SSE); smaller ones finish a block.</para>
/// </remarks>
internal static unsafe partial class MicroKernel<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>Floats from one row of packed A to the next.</summary>
    public const int Stride = PackedRows.Distance;

    /// <summary>The largest depth of one call.</summary>
    public const int MaxDepth = PackedRows.MostDepth;

    /// <summary>Does as many of the rows as one kernel takes.</summary>
    /// <param name="rows">Rows left, at least 1.</param>
    /// <param name="tallest">The most rows of a kernel whose sums the registers hold.</param>
    /// <param name="vectors">Vectors in a row of the panel, 1 or 2.</param>
    /// <param name="a">First row, at the first depth.</param>
    /// <param name="b">The panel, at the same depth.</param>
    /// <param name="depth">Products of each sum, at most <see cref="MaxDepth"/>.</param>
    /// <param name="tile">The sums.</param>
    /// <param name="first">Whether the tile is still empty.</param>
    /// <param name="ahead">What will be read after this: the tall kernels ask for <paramref name="depth"/> lines from here on, one with each step of depth.</param>
    /// <returns>The rows done.</returns>
    public static int Run(int rows, int tallest, int vectors, float* a, float* b, int depth, float* tile, bool first, byte* ahead) =>
        Run<PackedRows>(rows, tallest, vectors, a, b, depth, tile, first, ahead);

    /// <summary>The same of rows that lie at another distance.</summary>
    public static int Run<TDistance>(int rows, int tallest, int vectors, float* a, float* b, int depth, float* tile, bool first, byte* ahead)
        where TDistance : struct, IRowDistance
    {
        int height = Math.Min(rows, tallest);
        switch (vectors)
        {
            case 2 when height >= 14:
                Rows14x2<TDistance>(a, b, depth, tile, first, ahead);
                return 14;
            case 2 when height >= 8:
                Rows8x2<TDistance>(a, b, depth, tile, first, ahead);
                return 8;
            case 2 when height >= 6:
                Rows6x2<TDistance>(a, b, depth, tile, first, ahead);
                return 6;
            case 2 when height >= 2:
                Rows2x2<TDistance>(a, b, depth, tile, first);
                return 2;
            case 2:
                Rows1x2<TDistance>(a, b, depth, tile, first);
                return 1;
            case 1 when height >= 14:
                Rows14x1<TDistance>(a, b, depth, tile, first);
                return 14;
            case 1 when height >= 6:
                Rows6x1<TDistance>(a, b, depth, tile, first);
                return 6;
            case 1 when height >= 2:
                Rows2x1<TDistance>(a, b, depth, tile, first);
                return 2;
            default:
                Rows1x1<TDistance>(a, b, depth, tile, first);
                return 1;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows14x2<TDistance>(float* a, float* b, int depth, float* tile, bool first, byte* ahead)
        where TDistance : struct, IRowDistance
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        TVector c01a = zero, c01b = zero;
        TVector c02a = zero, c02b = zero;
        TVector c03a = zero, c03b = zero;
        TVector c04a = zero, c04b = zero;
        TVector c05a = zero, c05b = zero;
        TVector c06a = zero, c06b = zero;
        TVector c07a = zero, c07b = zero;
        TVector c08a = zero, c08b = zero;
        TVector c09a = zero, c09b = zero;
        TVector c10a = zero, c10b = zero;
        TVector c11a = zero, c11b = zero;
        TVector c12a = zero, c12b = zero;
        TVector c13a = zero, c13b = zero;
        for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[2 * TDistance.Floats]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a[3 * TDistance.Floats]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            x = TLanes.Create(a[4 * TDistance.Floats]); c04a = TLanes.MultiplyAdd(x, b0, c04a); c04b = TLanes.MultiplyAdd(x, b1, c04b);
            x = TLanes.Create(a[5 * TDistance.Floats]); c05a = TLanes.MultiplyAdd(x, b0, c05a); c05b = TLanes.MultiplyAdd(x, b1, c05b);
            x = TLanes.Create(a[6 * TDistance.Floats]); c06a = TLanes.MultiplyAdd(x, b0, c06a); c06b = TLanes.MultiplyAdd(x, b1, c06b);
            x = TLanes.Create(a[7 * TDistance.Floats]); c07a = TLanes.MultiplyAdd(x, b0, c07a); c07b = TLanes.MultiplyAdd(x, b1, c07b);
            x = TLanes.Create(a[8 * TDistance.Floats]); c08a = TLanes.MultiplyAdd(x, b0, c08a); c08b = TLanes.MultiplyAdd(x, b1, c08b);
            x = TLanes.Create(a[9 * TDistance.Floats]); c09a = TLanes.MultiplyAdd(x, b0, c09a); c09b = TLanes.MultiplyAdd(x, b1, c09b);
            x = TLanes.Create(a[10 * TDistance.Floats]); c10a = TLanes.MultiplyAdd(x, b0, c10a); c10b = TLanes.MultiplyAdd(x, b1, c10b);
            x = TLanes.Create(a[11 * TDistance.Floats]); c11a = TLanes.MultiplyAdd(x, b0, c11a); c11b = TLanes.MultiplyAdd(x, b1, c11b);
            x = TLanes.Create(a[12 * TDistance.Floats]); c12a = TLanes.MultiplyAdd(x, b0, c12a); c12b = TLanes.MultiplyAdd(x, b1, c12b);
            x = TLanes.Create(a[13 * TDistance.Floats]); c13a = TLanes.MultiplyAdd(x, b0, c13a); c13b = TLanes.MultiplyAdd(x, b1, c13b);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0)); c00b = TLanes.Add(c00b, Load(tile, 1));
            c01a = TLanes.Add(c01a, Load(tile, 2)); c01b = TLanes.Add(c01b, Load(tile, 3));
            c02a = TLanes.Add(c02a, Load(tile, 4)); c02b = TLanes.Add(c02b, Load(tile, 5));
            c03a = TLanes.Add(c03a, Load(tile, 6)); c03b = TLanes.Add(c03b, Load(tile, 7));
            c04a = TLanes.Add(c04a, Load(tile, 8)); c04b = TLanes.Add(c04b, Load(tile, 9));
            c05a = TLanes.Add(c05a, Load(tile, 10)); c05b = TLanes.Add(c05b, Load(tile, 11));
            c06a = TLanes.Add(c06a, Load(tile, 12)); c06b = TLanes.Add(c06b, Load(tile, 13));
            c07a = TLanes.Add(c07a, Load(tile, 14)); c07b = TLanes.Add(c07b, Load(tile, 15));
            c08a = TLanes.Add(c08a, Load(tile, 16)); c08b = TLanes.Add(c08b, Load(tile, 17));
            c09a = TLanes.Add(c09a, Load(tile, 18)); c09b = TLanes.Add(c09b, Load(tile, 19));
            c10a = TLanes.Add(c10a, Load(tile, 20)); c10b = TLanes.Add(c10b, Load(tile, 21));
            c11a = TLanes.Add(c11a, Load(tile, 22)); c11b = TLanes.Add(c11b, Load(tile, 23));
            c12a = TLanes.Add(c12a, Load(tile, 24)); c12b = TLanes.Add(c12b, Load(tile, 25));
            c13a = TLanes.Add(c13a, Load(tile, 26)); c13b = TLanes.Add(c13b, Load(tile, 27));
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
        Store(tile, 2, c01a); Store(tile, 3, c01b);
        Store(tile, 4, c02a); Store(tile, 5, c02b);
        Store(tile, 6, c03a); Store(tile, 7, c03b);
        Store(tile, 8, c04a); Store(tile, 9, c04b);
        Store(tile, 10, c05a); Store(tile, 11, c05b);
        Store(tile, 12, c06a); Store(tile, 13, c06b);
        Store(tile, 14, c07a); Store(tile, 15, c07b);
        Store(tile, 16, c08a); Store(tile, 17, c08b);
        Store(tile, 18, c09a); Store(tile, 19, c09b);
        Store(tile, 20, c10a); Store(tile, 21, c10b);
        Store(tile, 22, c11a); Store(tile, 23, c11b);
        Store(tile, 24, c12a); Store(tile, 25, c12b);
        Store(tile, 26, c13a); Store(tile, 27, c13b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8x2<TDistance>(float* a, float* b, int depth, float* tile, bool first, byte* ahead)
        where TDistance : struct, IRowDistance
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        TVector c01a = zero, c01b = zero;
        TVector c02a = zero, c02b = zero;
        TVector c03a = zero, c03b = zero;
        TVector c04a = zero, c04b = zero;
        TVector c05a = zero, c05b = zero;
        TVector c06a = zero, c06b = zero;
        TVector c07a = zero, c07b = zero;
        for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[2 * TDistance.Floats]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a[3 * TDistance.Floats]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            x = TLanes.Create(a[4 * TDistance.Floats]); c04a = TLanes.MultiplyAdd(x, b0, c04a); c04b = TLanes.MultiplyAdd(x, b1, c04b);
            x = TLanes.Create(a[5 * TDistance.Floats]); c05a = TLanes.MultiplyAdd(x, b0, c05a); c05b = TLanes.MultiplyAdd(x, b1, c05b);
            x = TLanes.Create(a[6 * TDistance.Floats]); c06a = TLanes.MultiplyAdd(x, b0, c06a); c06b = TLanes.MultiplyAdd(x, b1, c06b);
            x = TLanes.Create(a[7 * TDistance.Floats]); c07a = TLanes.MultiplyAdd(x, b0, c07a); c07b = TLanes.MultiplyAdd(x, b1, c07b);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0)); c00b = TLanes.Add(c00b, Load(tile, 1));
            c01a = TLanes.Add(c01a, Load(tile, 2)); c01b = TLanes.Add(c01b, Load(tile, 3));
            c02a = TLanes.Add(c02a, Load(tile, 4)); c02b = TLanes.Add(c02b, Load(tile, 5));
            c03a = TLanes.Add(c03a, Load(tile, 6)); c03b = TLanes.Add(c03b, Load(tile, 7));
            c04a = TLanes.Add(c04a, Load(tile, 8)); c04b = TLanes.Add(c04b, Load(tile, 9));
            c05a = TLanes.Add(c05a, Load(tile, 10)); c05b = TLanes.Add(c05b, Load(tile, 11));
            c06a = TLanes.Add(c06a, Load(tile, 12)); c06b = TLanes.Add(c06b, Load(tile, 13));
            c07a = TLanes.Add(c07a, Load(tile, 14)); c07b = TLanes.Add(c07b, Load(tile, 15));
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
        Store(tile, 2, c01a); Store(tile, 3, c01b);
        Store(tile, 4, c02a); Store(tile, 5, c02b);
        Store(tile, 6, c03a); Store(tile, 7, c03b);
        Store(tile, 8, c04a); Store(tile, 9, c04b);
        Store(tile, 10, c05a); Store(tile, 11, c05b);
        Store(tile, 12, c06a); Store(tile, 13, c06b);
        Store(tile, 14, c07a); Store(tile, 15, c07b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6x2<TDistance>(float* a, float* b, int depth, float* tile, bool first, byte* ahead)
        where TDistance : struct, IRowDistance
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        TVector c01a = zero, c01b = zero;
        TVector c02a = zero, c02b = zero;
        TVector c03a = zero, c03b = zero;
        TVector c04a = zero, c04b = zero;
        TVector c05a = zero, c05b = zero;
        for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[2 * TDistance.Floats]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a[3 * TDistance.Floats]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            x = TLanes.Create(a[4 * TDistance.Floats]); c04a = TLanes.MultiplyAdd(x, b0, c04a); c04b = TLanes.MultiplyAdd(x, b1, c04b);
            x = TLanes.Create(a[5 * TDistance.Floats]); c05a = TLanes.MultiplyAdd(x, b0, c05a); c05b = TLanes.MultiplyAdd(x, b1, c05b);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0)); c00b = TLanes.Add(c00b, Load(tile, 1));
            c01a = TLanes.Add(c01a, Load(tile, 2)); c01b = TLanes.Add(c01b, Load(tile, 3));
            c02a = TLanes.Add(c02a, Load(tile, 4)); c02b = TLanes.Add(c02b, Load(tile, 5));
            c03a = TLanes.Add(c03a, Load(tile, 6)); c03b = TLanes.Add(c03b, Load(tile, 7));
            c04a = TLanes.Add(c04a, Load(tile, 8)); c04b = TLanes.Add(c04b, Load(tile, 9));
            c05a = TLanes.Add(c05a, Load(tile, 10)); c05b = TLanes.Add(c05b, Load(tile, 11));
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
        Store(tile, 2, c01a); Store(tile, 3, c01b);
        Store(tile, 4, c02a); Store(tile, 5, c02b);
        Store(tile, 6, c03a); Store(tile, 7, c03b);
        Store(tile, 8, c04a); Store(tile, 9, c04b);
        Store(tile, 10, c05a); Store(tile, 11, c05b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2x2<TDistance>(float* a, float* b, int depth, float* tile, bool first)
        where TDistance : struct, IRowDistance
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        TVector c01a = zero, c01b = zero;
        for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count)
        {
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0)); c00b = TLanes.Add(c00b, Load(tile, 1));
            c01a = TLanes.Add(c01a, Load(tile, 2)); c01b = TLanes.Add(c01b, Load(tile, 3));
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
        Store(tile, 2, c01a); Store(tile, 3, c01b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1x2<TDistance>(float* a, float* b, int depth, float* tile, bool first)
        where TDistance : struct, IRowDistance
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count)
        {
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0)); c00b = TLanes.Add(c00b, Load(tile, 1));
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Load(float* source, int index) => TLanes.Load(source + index * TLanes.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* destination, int index, TVector value) => TLanes.Store(value, destination + index * TLanes.Count);
}
