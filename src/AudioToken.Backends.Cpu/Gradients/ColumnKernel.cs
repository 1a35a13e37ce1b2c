using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>Products of a few columns of A with one panel of B, the sums in registers throughout: what sums over positions, a weight's gradient, is made of.</summary>
/// <remarks>
/// <para>A is read as it lies, [depth][columns] with rows at any distance: the values of one step are neighbours, so nothing is turned round.
/// So is B, of which a panel is one or two vectors wide. The tile is [columns of A][width].</para>
/// <para>Every element is one chain of multiply-adds in the order of depth, whatever the height: results do not depend on the blocking.</para>
/// </remarks>
internal static unsafe class ColumnKernel<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>Computes all rows of a tile.</summary>
    /// <param name="rows">Columns of A.</param>
    /// <param name="tall">Whether the registers hold 28 sums; else 8.</param>
    /// <param name="vectors">Vectors in a row of the panel, 1 or 2.</param>
    /// <param name="a">First column, at the first depth.</param>
    /// <param name="stride">Floats from one depth of A to the next.</param>
    /// <param name="b">The panel, at the same depth.</param>
    /// <param name="step">Floats from one depth of the panel to the next.</param>
    /// <param name="depth">Products of each sum.</param>
    /// <param name="tile">The sums.</param>
    /// <param name="first">Whether the tile is still empty.</param>
    public static void Run(int rows, bool tall, int vectors, float* a, long stride, float* b, long step, int depth, float* tile, bool first)
    {
        LinesAhead none = default;
        Run(rows, tall, vectors, a, stride, b, step, depth, tile, vectors * TLanes.Count, first, ref none);
    }

    /// <summary>The same where the rows of the tile lie <paramref name="apart"/>, asking meanwhile for what is read next.</summary>
    public static void Run(
        int rows, bool tall, int vectors, float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first, ref LinesAhead ahead)
    {
        while (rows > 0)
        {
            // What is not a multiple of fourteen goes to eights, of which few make any even number: a last pair of sums would wait for each other.
            bool eights = rows % 2 == 0 && rows % 14 != 0 && rows >= 8 * (rows % 7);
            int height = tall && rows >= 14 && !eights ? 14 : tall && rows >= 8 ? 8 : rows >= 4 ? 4 : 1;
            long lineStep = 0;
            float* line = height < 8 ? a : ahead.Next(a, out lineStep);
            switch (height)
            {
                case 14 when vectors == 2:
                    Rows14x2(a, stride, b, step, depth, tile, apart, first, line, lineStep);
                    break;
                case 14:
                    Rows14x1(a, stride, b, step, depth, tile, apart, first, line, lineStep);
                    break;
                case 8 when vectors == 2:
                    Rows8x2(a, stride, b, step, depth, tile, apart, first, line, lineStep);
                    break;
                case 8:
                    Rows8x1(a, stride, b, step, depth, tile, apart, first, line, lineStep);
                    break;
                case 4 when vectors == 2:
                    Rows4x2(a, stride, b, step, depth, tile, apart, first);
                    break;
                case 4:
                    Rows4x1(a, stride, b, step, depth, tile, apart, first);
                    break;
                case 1 when vectors == 2:
                    Rows1x2(a, stride, b, step, depth, tile, apart, first);
                    break;
                default:
                    Rows1x1(a, stride, b, step, depth, tile, apart, first);
                    break;
            }

            rows -= height;
            a += height;
            tile += height * apart;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows14x2(float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first, float* ahead, long aheadStep)
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
        for (; depth > 0; depth--, a += stride, b += step, ahead += aheadStep)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[1]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[2]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a[3]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            x = TLanes.Create(a[4]); c04a = TLanes.MultiplyAdd(x, b0, c04a); c04b = TLanes.MultiplyAdd(x, b1, c04b);
            x = TLanes.Create(a[5]); c05a = TLanes.MultiplyAdd(x, b0, c05a); c05b = TLanes.MultiplyAdd(x, b1, c05b);
            x = TLanes.Create(a[6]); c06a = TLanes.MultiplyAdd(x, b0, c06a); c06b = TLanes.MultiplyAdd(x, b1, c06b);
            x = TLanes.Create(a[7]); c07a = TLanes.MultiplyAdd(x, b0, c07a); c07b = TLanes.MultiplyAdd(x, b1, c07b);
            x = TLanes.Create(a[8]); c08a = TLanes.MultiplyAdd(x, b0, c08a); c08b = TLanes.MultiplyAdd(x, b1, c08b);
            x = TLanes.Create(a[9]); c09a = TLanes.MultiplyAdd(x, b0, c09a); c09b = TLanes.MultiplyAdd(x, b1, c09b);
            x = TLanes.Create(a[10]); c10a = TLanes.MultiplyAdd(x, b0, c10a); c10b = TLanes.MultiplyAdd(x, b1, c10b);
            x = TLanes.Create(a[11]); c11a = TLanes.MultiplyAdd(x, b0, c11a); c11b = TLanes.MultiplyAdd(x, b1, c11b);
            x = TLanes.Create(a[12]); c12a = TLanes.MultiplyAdd(x, b0, c12a); c12b = TLanes.MultiplyAdd(x, b1, c12b);
            x = TLanes.Create(a[13]); c13a = TLanes.MultiplyAdd(x, b0, c13a); c13b = TLanes.MultiplyAdd(x, b1, c13b);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0)); c00b = TLanes.Add(c00b, Load(tile, 1));
            c01a = TLanes.Add(c01a, Load(tile + apart, 0)); c01b = TLanes.Add(c01b, Load(tile + apart, 1));
            c02a = TLanes.Add(c02a, Load(tile + 2 * apart, 0)); c02b = TLanes.Add(c02b, Load(tile + 2 * apart, 1));
            c03a = TLanes.Add(c03a, Load(tile + 3 * apart, 0)); c03b = TLanes.Add(c03b, Load(tile + 3 * apart, 1));
            c04a = TLanes.Add(c04a, Load(tile + 4 * apart, 0)); c04b = TLanes.Add(c04b, Load(tile + 4 * apart, 1));
            c05a = TLanes.Add(c05a, Load(tile + 5 * apart, 0)); c05b = TLanes.Add(c05b, Load(tile + 5 * apart, 1));
            c06a = TLanes.Add(c06a, Load(tile + 6 * apart, 0)); c06b = TLanes.Add(c06b, Load(tile + 6 * apart, 1));
            c07a = TLanes.Add(c07a, Load(tile + 7 * apart, 0)); c07b = TLanes.Add(c07b, Load(tile + 7 * apart, 1));
            c08a = TLanes.Add(c08a, Load(tile + 8 * apart, 0)); c08b = TLanes.Add(c08b, Load(tile + 8 * apart, 1));
            c09a = TLanes.Add(c09a, Load(tile + 9 * apart, 0)); c09b = TLanes.Add(c09b, Load(tile + 9 * apart, 1));
            c10a = TLanes.Add(c10a, Load(tile + 10 * apart, 0)); c10b = TLanes.Add(c10b, Load(tile + 10 * apart, 1));
            c11a = TLanes.Add(c11a, Load(tile + 11 * apart, 0)); c11b = TLanes.Add(c11b, Load(tile + 11 * apart, 1));
            c12a = TLanes.Add(c12a, Load(tile + 12 * apart, 0)); c12b = TLanes.Add(c12b, Load(tile + 12 * apart, 1));
            c13a = TLanes.Add(c13a, Load(tile + 13 * apart, 0)); c13b = TLanes.Add(c13b, Load(tile + 13 * apart, 1));
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
        Store(tile + apart, 0, c01a); Store(tile + apart, 1, c01b);
        Store(tile + 2 * apart, 0, c02a); Store(tile + 2 * apart, 1, c02b);
        Store(tile + 3 * apart, 0, c03a); Store(tile + 3 * apart, 1, c03b);
        Store(tile + 4 * apart, 0, c04a); Store(tile + 4 * apart, 1, c04b);
        Store(tile + 5 * apart, 0, c05a); Store(tile + 5 * apart, 1, c05b);
        Store(tile + 6 * apart, 0, c06a); Store(tile + 6 * apart, 1, c06b);
        Store(tile + 7 * apart, 0, c07a); Store(tile + 7 * apart, 1, c07b);
        Store(tile + 8 * apart, 0, c08a); Store(tile + 8 * apart, 1, c08b);
        Store(tile + 9 * apart, 0, c09a); Store(tile + 9 * apart, 1, c09b);
        Store(tile + 10 * apart, 0, c10a); Store(tile + 10 * apart, 1, c10b);
        Store(tile + 11 * apart, 0, c11a); Store(tile + 11 * apart, 1, c11b);
        Store(tile + 12 * apart, 0, c12a); Store(tile + 12 * apart, 1, c12b);
        Store(tile + 13 * apart, 0, c13a); Store(tile + 13 * apart, 1, c13b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows14x1(float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first, float* ahead, long aheadStep)
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
        for (; depth > 0; depth--, a += stride, b += step, ahead += aheadStep)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[1]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
            x = TLanes.Create(a[2]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
            x = TLanes.Create(a[3]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
            x = TLanes.Create(a[4]); c04a = TLanes.MultiplyAdd(x, b0, c04a);
            x = TLanes.Create(a[5]); c05a = TLanes.MultiplyAdd(x, b0, c05a);
            x = TLanes.Create(a[6]); c06a = TLanes.MultiplyAdd(x, b0, c06a);
            x = TLanes.Create(a[7]); c07a = TLanes.MultiplyAdd(x, b0, c07a);
            x = TLanes.Create(a[8]); c08a = TLanes.MultiplyAdd(x, b0, c08a);
            x = TLanes.Create(a[9]); c09a = TLanes.MultiplyAdd(x, b0, c09a);
            x = TLanes.Create(a[10]); c10a = TLanes.MultiplyAdd(x, b0, c10a);
            x = TLanes.Create(a[11]); c11a = TLanes.MultiplyAdd(x, b0, c11a);
            x = TLanes.Create(a[12]); c12a = TLanes.MultiplyAdd(x, b0, c12a);
            x = TLanes.Create(a[13]); c13a = TLanes.MultiplyAdd(x, b0, c13a);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0));
            c01a = TLanes.Add(c01a, Load(tile + apart, 0));
            c02a = TLanes.Add(c02a, Load(tile + 2 * apart, 0));
            c03a = TLanes.Add(c03a, Load(tile + 3 * apart, 0));
            c04a = TLanes.Add(c04a, Load(tile + 4 * apart, 0));
            c05a = TLanes.Add(c05a, Load(tile + 5 * apart, 0));
            c06a = TLanes.Add(c06a, Load(tile + 6 * apart, 0));
            c07a = TLanes.Add(c07a, Load(tile + 7 * apart, 0));
            c08a = TLanes.Add(c08a, Load(tile + 8 * apart, 0));
            c09a = TLanes.Add(c09a, Load(tile + 9 * apart, 0));
            c10a = TLanes.Add(c10a, Load(tile + 10 * apart, 0));
            c11a = TLanes.Add(c11a, Load(tile + 11 * apart, 0));
            c12a = TLanes.Add(c12a, Load(tile + 12 * apart, 0));
            c13a = TLanes.Add(c13a, Load(tile + 13 * apart, 0));
        }

        Store(tile, 0, c00a);
        Store(tile + apart, 0, c01a);
        Store(tile + 2 * apart, 0, c02a);
        Store(tile + 3 * apart, 0, c03a);
        Store(tile + 4 * apart, 0, c04a);
        Store(tile + 5 * apart, 0, c05a);
        Store(tile + 6 * apart, 0, c06a);
        Store(tile + 7 * apart, 0, c07a);
        Store(tile + 8 * apart, 0, c08a);
        Store(tile + 9 * apart, 0, c09a);
        Store(tile + 10 * apart, 0, c10a);
        Store(tile + 11 * apart, 0, c11a);
        Store(tile + 12 * apart, 0, c12a);
        Store(tile + 13 * apart, 0, c13a);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8x2(float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first, float* ahead, long aheadStep)
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
        for (; depth > 0; depth--, a += stride, b += step, ahead += aheadStep)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[1]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[2]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a[3]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            x = TLanes.Create(a[4]); c04a = TLanes.MultiplyAdd(x, b0, c04a); c04b = TLanes.MultiplyAdd(x, b1, c04b);
            x = TLanes.Create(a[5]); c05a = TLanes.MultiplyAdd(x, b0, c05a); c05b = TLanes.MultiplyAdd(x, b1, c05b);
            x = TLanes.Create(a[6]); c06a = TLanes.MultiplyAdd(x, b0, c06a); c06b = TLanes.MultiplyAdd(x, b1, c06b);
            x = TLanes.Create(a[7]); c07a = TLanes.MultiplyAdd(x, b0, c07a); c07b = TLanes.MultiplyAdd(x, b1, c07b);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0)); c00b = TLanes.Add(c00b, Load(tile, 1));
            c01a = TLanes.Add(c01a, Load(tile + apart, 0)); c01b = TLanes.Add(c01b, Load(tile + apart, 1));
            c02a = TLanes.Add(c02a, Load(tile + 2 * apart, 0)); c02b = TLanes.Add(c02b, Load(tile + 2 * apart, 1));
            c03a = TLanes.Add(c03a, Load(tile + 3 * apart, 0)); c03b = TLanes.Add(c03b, Load(tile + 3 * apart, 1));
            c04a = TLanes.Add(c04a, Load(tile + 4 * apart, 0)); c04b = TLanes.Add(c04b, Load(tile + 4 * apart, 1));
            c05a = TLanes.Add(c05a, Load(tile + 5 * apart, 0)); c05b = TLanes.Add(c05b, Load(tile + 5 * apart, 1));
            c06a = TLanes.Add(c06a, Load(tile + 6 * apart, 0)); c06b = TLanes.Add(c06b, Load(tile + 6 * apart, 1));
            c07a = TLanes.Add(c07a, Load(tile + 7 * apart, 0)); c07b = TLanes.Add(c07b, Load(tile + 7 * apart, 1));
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
        Store(tile + apart, 0, c01a); Store(tile + apart, 1, c01b);
        Store(tile + 2 * apart, 0, c02a); Store(tile + 2 * apart, 1, c02b);
        Store(tile + 3 * apart, 0, c03a); Store(tile + 3 * apart, 1, c03b);
        Store(tile + 4 * apart, 0, c04a); Store(tile + 4 * apart, 1, c04b);
        Store(tile + 5 * apart, 0, c05a); Store(tile + 5 * apart, 1, c05b);
        Store(tile + 6 * apart, 0, c06a); Store(tile + 6 * apart, 1, c06b);
        Store(tile + 7 * apart, 0, c07a); Store(tile + 7 * apart, 1, c07b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8x1(float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first, float* ahead, long aheadStep)
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
        for (; depth > 0; depth--, a += stride, b += step, ahead += aheadStep)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[1]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
            x = TLanes.Create(a[2]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
            x = TLanes.Create(a[3]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
            x = TLanes.Create(a[4]); c04a = TLanes.MultiplyAdd(x, b0, c04a);
            x = TLanes.Create(a[5]); c05a = TLanes.MultiplyAdd(x, b0, c05a);
            x = TLanes.Create(a[6]); c06a = TLanes.MultiplyAdd(x, b0, c06a);
            x = TLanes.Create(a[7]); c07a = TLanes.MultiplyAdd(x, b0, c07a);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0));
            c01a = TLanes.Add(c01a, Load(tile + apart, 0));
            c02a = TLanes.Add(c02a, Load(tile + 2 * apart, 0));
            c03a = TLanes.Add(c03a, Load(tile + 3 * apart, 0));
            c04a = TLanes.Add(c04a, Load(tile + 4 * apart, 0));
            c05a = TLanes.Add(c05a, Load(tile + 5 * apart, 0));
            c06a = TLanes.Add(c06a, Load(tile + 6 * apart, 0));
            c07a = TLanes.Add(c07a, Load(tile + 7 * apart, 0));
        }

        Store(tile, 0, c00a);
        Store(tile + apart, 0, c01a);
        Store(tile + 2 * apart, 0, c02a);
        Store(tile + 3 * apart, 0, c03a);
        Store(tile + 4 * apart, 0, c04a);
        Store(tile + 5 * apart, 0, c05a);
        Store(tile + 6 * apart, 0, c06a);
        Store(tile + 7 * apart, 0, c07a);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4x2(float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        TVector c01a = zero, c01b = zero;
        TVector c02a = zero, c02b = zero;
        TVector c03a = zero, c03b = zero;
        for (; depth > 0; depth--, a += stride, b += step)
        {
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[1]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[2]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a[3]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0)); c00b = TLanes.Add(c00b, Load(tile, 1));
            c01a = TLanes.Add(c01a, Load(tile + apart, 0)); c01b = TLanes.Add(c01b, Load(tile + apart, 1));
            c02a = TLanes.Add(c02a, Load(tile + 2 * apart, 0)); c02b = TLanes.Add(c02b, Load(tile + 2 * apart, 1));
            c03a = TLanes.Add(c03a, Load(tile + 3 * apart, 0)); c03b = TLanes.Add(c03b, Load(tile + 3 * apart, 1));
        }

        Store(tile, 0, c00a); Store(tile, 1, c00b);
        Store(tile + apart, 0, c01a); Store(tile + apart, 1, c01b);
        Store(tile + 2 * apart, 0, c02a); Store(tile + 2 * apart, 1, c02b);
        Store(tile + 3 * apart, 0, c03a); Store(tile + 3 * apart, 1, c03b);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4x1(float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        TVector c01a = zero;
        TVector c02a = zero;
        TVector c03a = zero;
        for (; depth > 0; depth--, a += stride, b += step)
        {
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[1]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
            x = TLanes.Create(a[2]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
            x = TLanes.Create(a[3]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0));
            c01a = TLanes.Add(c01a, Load(tile + apart, 0));
            c02a = TLanes.Add(c02a, Load(tile + 2 * apart, 0));
            c03a = TLanes.Add(c03a, Load(tile + 3 * apart, 0));
        }

        Store(tile, 0, c00a);
        Store(tile + apart, 0, c01a);
        Store(tile + 2 * apart, 0, c02a);
        Store(tile + 3 * apart, 0, c03a);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1x2(float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        for (; depth > 0; depth--, a += stride, b += step)
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1x1(float* a, long stride, float* b, long step, int depth, float* tile, long apart, bool first)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        for (; depth > 0; depth--, a += stride, b += step)
        {
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0));
        }

        Store(tile, 0, c00a);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Load(float* source, int index) => TLanes.Load(source + index * TLanes.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* destination, int index, TVector value) => TLanes.Store(value, destination + index * TLanes.Count);
}
