using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AudioToken.Backends.Cpu;

/// <summary>Turns rows into columns.</summary>
internal static unsafe class Transposition
{
    /// <summary>to[c][r] = from[r][c].</summary>
    /// <param name="from">[rows][columns].</param>
    /// <param name="fromStride">Elements from row to row of the source.</param>
    /// <param name="rows">Rows of the source.</param>
    /// <param name="columns">Columns of the source.</param>
    /// <param name="to">[columns][rows].</param>
    /// <param name="toStride">Elements from row to row of the result.</param>
    public static void Transpose(float* from, long fromStride, int rows, int columns, float* to, long toStride)
    {
        int r = 0;
        if (Avx512F.IsSupported)
        {
            for (; r + 16 <= rows; r += 16)
            {
                int c = 0;
                for (; c + 4 <= columns; c += 4)
                    Transpose16x4(from + r * fromStride + c, fromStride, to + c * toStride + r, toStride);
                Rest(from, fromStride, r, r + 16, c, columns, to, toStride);
            }
        }

        if (Sse.IsSupported)
        {
            for (; r + 4 <= rows; r += 4)
            {
                int c = 0;
                for (; c + 4 <= columns; c += 4)
                    Transpose4x4(from + r * fromStride + c, fromStride, to + c * toStride + r, toStride);
                Rest(from, fromStride, r, r + 4, c, columns, to, toStride);
            }
        }

        Rest(from, fromStride, r, rows, 0, columns, to, toStride);
    }

    // A column of sixteen rows is one store.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose16x4(float* from, long fromStride, float* to, long toStride)
    {
        Columns16x4(from, fromStride, out Vector512<float> a, out Vector512<float> b, out Vector512<float> c, out Vector512<float> d);
        a.Store(to);
        b.Store(to + toStride);
        c.Store(to + 2 * toStride);
        d.Store(to + 3 * toStride);
    }

    /// <summary>Four columns of sixteen rows, where there is AVX-512.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Columns16x4(
        float* from, long fromStride, out Vector512<float> first, out Vector512<float> second, out Vector512<float> third, out Vector512<float> fourth)
    {
        // Four times four by four, side by side.
        Vector512<float> a = EveryFourth(from, fromStride), b = EveryFourth(from + fromStride, fromStride);
        Vector512<float> c = EveryFourth(from + 2 * fromStride, fromStride), d = EveryFourth(from + 3 * fromStride, fromStride);
        Vector512<float> abLow = Avx512F.UnpackLow(a, b), abHigh = Avx512F.UnpackHigh(a, b);
        Vector512<float> cdLow = Avx512F.UnpackLow(c, d), cdHigh = Avx512F.UnpackHigh(c, d);
        first = Avx512F.Shuffle(abLow, cdLow, 0x44);
        second = Avx512F.Shuffle(abLow, cdLow, 0xEE);
        third = Avx512F.Shuffle(abHigh, cdHigh, 0x44);
        fourth = Avx512F.Shuffle(abHigh, cdHigh, 0xEE);
    }

    // Four columns of rows 0, 4, 8 and 12.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> EveryFourth(float* from, long stride)
    {
        Vector512<float> rows = Vector128.Load(from).ToVector256Unsafe().ToVector512Unsafe();
        rows = Avx512F.InsertVector128(rows, Vector128.Load(from + 4 * stride), 1);
        rows = Avx512F.InsertVector128(rows, Vector128.Load(from + 8 * stride), 2);
        return Avx512F.InsertVector128(rows, Vector128.Load(from + 12 * stride), 3);
    }

    /// <summary>to[c][offset + r] = from[r][c] for eight rows and eight columns of 16-bit elements. Needs SSE2.</summary>
    /// <param name="from">The first of the eight rows.</param>
    /// <param name="fromStride">Elements from row to row of the source.</param>
    /// <param name="to">The eight rows of the result.</param>
    /// <param name="offset">Where in each of them.</param>
    public static void Transpose8x8(ushort* from, long fromStride, ushort** to, int offset)
    {
        // Names are of rows of the source; digits, of its columns.
        Vector128<ushort> a = Vector128.Load(from), b = Vector128.Load(from + fromStride);
        Vector128<ushort> c = Vector128.Load(from + 2 * fromStride), d = Vector128.Load(from + 3 * fromStride);
        Vector128<ushort> e = Vector128.Load(from + 4 * fromStride), f = Vector128.Load(from + 5 * fromStride);
        Vector128<ushort> g = Vector128.Load(from + 6 * fromStride), h = Vector128.Load(from + 7 * fromStride);
        Columns(Sse2.UnpackLow(a, b).AsUInt32(), Sse2.UnpackLow(c, d).AsUInt32(), Sse2.UnpackLow(e, f).AsUInt32(), Sse2.UnpackLow(g, h).AsUInt32(), to, offset);
        Columns(Sse2.UnpackHigh(a, b).AsUInt32(), Sse2.UnpackHigh(c, d).AsUInt32(), Sse2.UnpackHigh(e, f).AsUInt32(), Sse2.UnpackHigh(g, h).AsUInt32(), to + 4, offset);
    }

    // Four columns of eight rows, the rows in pairs: a0 b0 a1 b1 a2 b2 a3 b3 and so on.
    private static void Columns(Vector128<uint> ab, Vector128<uint> cd, Vector128<uint> ef, Vector128<uint> gh, ushort** to, int offset)
    {
        Vector128<ulong> low = Sse2.UnpackLow(ab, cd).AsUInt64(), high = Sse2.UnpackHigh(ab, cd).AsUInt64();       // a0 b0 c0 d0 a1 b1 c1 d1, a2 …
        Vector128<ulong> low2 = Sse2.UnpackLow(ef, gh).AsUInt64(), high2 = Sse2.UnpackHigh(ef, gh).AsUInt64();
        Sse2.UnpackLow(low, low2).AsUInt16().Store(to[0] + offset);
        Sse2.UnpackHigh(low, low2).AsUInt16().Store(to[1] + offset);
        Sse2.UnpackLow(high, high2).AsUInt16().Store(to[2] + offset);
        Sse2.UnpackHigh(high, high2).AsUInt16().Store(to[3] + offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4x4(float* from, long fromStride, float* to, long toStride)
    {
        Columns4x4(from, fromStride, out Vector128<float> a, out Vector128<float> b, out Vector128<float> c, out Vector128<float> d);
        a.Store(to);
        b.Store(to + toStride);
        c.Store(to + 2 * toStride);
        d.Store(to + 3 * toStride);
    }

    /// <summary>Four columns of four rows, where there is SSE.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Columns4x4(
        float* from, long fromStride, out Vector128<float> first, out Vector128<float> second, out Vector128<float> third, out Vector128<float> fourth)
    {
        Vector128<float> a = Vector128.Load(from), b = Vector128.Load(from + fromStride);
        Vector128<float> c = Vector128.Load(from + 2 * fromStride), d = Vector128.Load(from + 3 * fromStride);
        Vector128<float> abLow = Sse.UnpackLow(a, b), abHigh = Sse.UnpackHigh(a, b);   // a0 b0 a1 b1, a2 b2 a3 b3
        Vector128<float> cdLow = Sse.UnpackLow(c, d), cdHigh = Sse.UnpackHigh(c, d);   // c0 d0 c1 d1, c2 d2 c3 d3
        first = Sse.MoveLowToHigh(abLow, cdLow);                                       // a0 b0 c0 d0
        second = Sse.MoveHighToLow(cdLow, abLow);                                      // a1 b1 c1 d1
        third = Sse.MoveLowToHigh(abHigh, cdHigh);
        fourth = Sse.MoveHighToLow(cdHigh, abHigh);
    }

    private static void Rest(float* from, long fromStride, int r, int rows, int firstColumn, int columns, float* to, long toStride)
    {
        for (; r < rows; r++)
        {
            for (int c = firstColumn; c < columns; c++)
                to[c * toStride + r] = from[r * fromStride + c];
        }
    }
}
