using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>Pixels of 16 channels.</summary>
internal readonly struct Pixels16 : IRowDistance
{
    /// <inheritdoc/>
    public static int Floats => 16;
}

/// <summary>Pixels of 32 channels.</summary>
internal readonly struct Pixels32 : IRowDistance
{
    /// <inheritdoc/>
    public static int Floats => 32;
}

/// <summary>Pixels of 64 channels.</summary>
internal readonly struct Pixels64 : IRowDistance
{
    /// <inheritdoc/>
    public static int Floats => 64;
}

/// <summary>Products of the windows of neighbouring pixels with one panel of a weight: windows overlap, so their rows are read as they lie in the map.</summary>
/// <remarks>A line of a window is one run of memory, [kw, C], and the pixel to the right has the same run C floats later. Every element is one chain of
/// multiply-adds in the order of the weight's depth, whatever the number of pixels.</remarks>
internal static unsafe class PixelKernel<TLanes, TVector, TDistance>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
    where TDistance : struct, IRowDistance
{
    /// <summary>Computes the sums of a row of pixels.</summary>
    /// <param name="pixels">How many.</param>
    /// <param name="tall">Whether the registers hold 16 sums and their operands; else 8.</param>
    /// <param name="vectors">Vectors in a row of the panel, 1 or 2.</param>
    /// <param name="a">The first pixel's window, with what it reaches beyond the edge.</param>
    /// <param name="line">Floats from one line of the map to the next.</param>
    /// <param name="lines">Lines of a window.</param>
    /// <param name="depth">Floats of a line of a window.</param>
    /// <param name="b">The panel.</param>
    /// <param name="tile">Receives the sums, [pixels][width].</param>
    public static void Run(int pixels, bool tall, int vectors, float* a, long line, int lines, int depth, float* b, float* tile)
    {
        int most = (tall ? 16 : 8) / vectors;
        while (pixels > 0)
        {
            int count = pixels >= most ? most : pixels >= 4 ? 4 : 1;
            switch (count)
            {
                case 16:
                    Pixels16x1(a, line, lines, depth, b, tile);
                    break;
                case 8 when vectors == 2:
                    Pixels8x2(a, line, lines, depth, b, tile);
                    break;
                case 8:
                    Pixels8x1(a, line, lines, depth, b, tile);
                    break;
                case 4 when vectors == 2:
                    Pixels4x2(a, line, lines, depth, b, tile);
                    break;
                case 4:
                    Pixels4x1(a, line, lines, depth, b, tile);
                    break;
                case 1 when vectors == 2:
                    Pixels1x2(a, line, lines, depth, b, tile);
                    break;
                default:
                    Pixels1x1(a, line, lines, depth, b, tile);
                    break;
            }

            pixels -= count;
            a += count * TDistance.Floats;
            tile += count * vectors * TLanes.Count;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pixels16x1(float* a, long line, int lines, int depth, float* b, float* tile)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        TVector c01a = zero;
        TVector c02a = zero;
        TVector c03a = zero;
        TVector c04a = zero;
        TVector c05a = zero;
        TVector c06a = zero;
        TVector c07a = zero;
        TVector c08a = zero;
        TVector c09a = zero;
        TVector c10a = zero;
        TVector c11a = zero;
        TVector c12a = zero;
        TVector c13a = zero;
        TVector c14a = zero;
        TVector c15a = zero;
        for (; lines > 0; lines--, a += line - depth)
        {
            for (float* end = a + depth; a < end; a++, b += TLanes.Count)
            {
                TVector b0 = Load(b, 0), x;
                x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
                x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
                x = TLanes.Create(a[2 * TDistance.Floats]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
                x = TLanes.Create(a[3 * TDistance.Floats]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
                x = TLanes.Create(a[4 * TDistance.Floats]); c04a = TLanes.MultiplyAdd(x, b0, c04a);
                x = TLanes.Create(a[5 * TDistance.Floats]); c05a = TLanes.MultiplyAdd(x, b0, c05a);
                x = TLanes.Create(a[6 * TDistance.Floats]); c06a = TLanes.MultiplyAdd(x, b0, c06a);
                x = TLanes.Create(a[7 * TDistance.Floats]); c07a = TLanes.MultiplyAdd(x, b0, c07a);
                x = TLanes.Create(a[8 * TDistance.Floats]); c08a = TLanes.MultiplyAdd(x, b0, c08a);
                x = TLanes.Create(a[9 * TDistance.Floats]); c09a = TLanes.MultiplyAdd(x, b0, c09a);
                x = TLanes.Create(a[10 * TDistance.Floats]); c10a = TLanes.MultiplyAdd(x, b0, c10a);
                x = TLanes.Create(a[11 * TDistance.Floats]); c11a = TLanes.MultiplyAdd(x, b0, c11a);
                x = TLanes.Create(a[12 * TDistance.Floats]); c12a = TLanes.MultiplyAdd(x, b0, c12a);
                x = TLanes.Create(a[13 * TDistance.Floats]); c13a = TLanes.MultiplyAdd(x, b0, c13a);
                x = TLanes.Create(a[14 * TDistance.Floats]); c14a = TLanes.MultiplyAdd(x, b0, c14a);
                x = TLanes.Create(a[15 * TDistance.Floats]); c15a = TLanes.MultiplyAdd(x, b0, c15a);
            }
        }

        Store(tile, 0, c00a);
        Store(tile, 1, c01a);
        Store(tile, 2, c02a);
        Store(tile, 3, c03a);
        Store(tile, 4, c04a);
        Store(tile, 5, c05a);
        Store(tile, 6, c06a);
        Store(tile, 7, c07a);
        Store(tile, 8, c08a);
        Store(tile, 9, c09a);
        Store(tile, 10, c10a);
        Store(tile, 11, c11a);
        Store(tile, 12, c12a);
        Store(tile, 13, c13a);
        Store(tile, 14, c14a);
        Store(tile, 15, c15a);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pixels8x2(float* a, long line, int lines, int depth, float* b, float* tile)
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
        for (; lines > 0; lines--, a += line - depth)
        {
            for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count)
            {
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
    private static void Pixels8x1(float* a, long line, int lines, int depth, float* b, float* tile)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        TVector c01a = zero;
        TVector c02a = zero;
        TVector c03a = zero;
        TVector c04a = zero;
        TVector c05a = zero;
        TVector c06a = zero;
        TVector c07a = zero;
        for (; lines > 0; lines--, a += line - depth)
        {
            for (float* end = a + depth; a < end; a++, b += TLanes.Count)
            {
                TVector b0 = Load(b, 0), x;
                x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
                x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
                x = TLanes.Create(a[2 * TDistance.Floats]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
                x = TLanes.Create(a[3 * TDistance.Floats]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
                x = TLanes.Create(a[4 * TDistance.Floats]); c04a = TLanes.MultiplyAdd(x, b0, c04a);
                x = TLanes.Create(a[5 * TDistance.Floats]); c05a = TLanes.MultiplyAdd(x, b0, c05a);
                x = TLanes.Create(a[6 * TDistance.Floats]); c06a = TLanes.MultiplyAdd(x, b0, c06a);
                x = TLanes.Create(a[7 * TDistance.Floats]); c07a = TLanes.MultiplyAdd(x, b0, c07a);
            }
        }

        Store(tile, 0, c00a);
        Store(tile, 1, c01a);
        Store(tile, 2, c02a);
        Store(tile, 3, c03a);
        Store(tile, 4, c04a);
        Store(tile, 5, c05a);
        Store(tile, 6, c06a);
        Store(tile, 7, c07a);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pixels4x2(float* a, long line, int lines, int depth, float* b, float* tile)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        TVector c01a = zero, c01b = zero;
        TVector c02a = zero, c02b = zero;
        TVector c03a = zero, c03b = zero;
        for (; lines > 0; lines--, a += line - depth)
        {
            for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count)
            {
                TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
                x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
                x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
                x = TLanes.Create(a[2 * TDistance.Floats]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
                x = TLanes.Create(a[3 * TDistance.Floats]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            }
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
        Store(tile, 2, c01a); Store(tile, 3, c01b);
        Store(tile, 4, c02a); Store(tile, 5, c02b);
        Store(tile, 6, c03a); Store(tile, 7, c03b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pixels4x1(float* a, long line, int lines, int depth, float* b, float* tile)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        TVector c01a = zero;
        TVector c02a = zero;
        TVector c03a = zero;
        for (; lines > 0; lines--, a += line - depth)
        {
            for (float* end = a + depth; a < end; a++, b += TLanes.Count)
            {
                TVector b0 = Load(b, 0), x;
                x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
                x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
                x = TLanes.Create(a[2 * TDistance.Floats]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
                x = TLanes.Create(a[3 * TDistance.Floats]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
            }
        }

        Store(tile, 0, c00a);
        Store(tile, 1, c01a);
        Store(tile, 2, c02a);
        Store(tile, 3, c03a);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pixels1x2(float* a, long line, int lines, int depth, float* b, float* tile)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        for (; lines > 0; lines--, a += line - depth)
        {
            for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count)
            {
                TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
                x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            }
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pixels1x1(float* a, long line, int lines, int depth, float* b, float* tile)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        for (; lines > 0; lines--, a += line - depth)
        {
            for (float* end = a + depth; a < end; a++, b += TLanes.Count)
            {
                TVector b0 = Load(b, 0), x;
                x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            }
        }

        Store(tile, 0, c00a);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Load(float* source, int index) => TLanes.Load(source + index * TLanes.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* destination, int index, TVector value) => TLanes.Store(value, destination + index * TLanes.Count);
}
