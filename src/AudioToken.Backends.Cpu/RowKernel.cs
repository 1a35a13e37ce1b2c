using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>Products of a few rows of A, read as they lie, with one panel of B: sums, bias and residual in registers throughout, from there to their place.</summary>
/// <remarks>
/// <para>For products of small depth, where packing rows and taking sums up again would be a good part of the time.
/// Rows lie at any distance: three share a pointer, so that an address is a pointer, or it and one register.</para>
/// <para>Every element is one chain of multiply-adds in the order of depth, whatever the height: results do not depend on the blocking.</para>
/// <para>Heights: as of <see cref="MicroKernel{TLanes, TVector}"/>.</para>
/// </remarks>
internal static unsafe partial class RowKernel<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>The rows that the kernel should take of so many: what is not a multiple of fourteen goes to eights, of which few make any even number.</summary>
    public static int Height(int rows, int tallest)
    {
        if (tallest < 14)
            return rows >= 6 ? 6 : rows >= 2 ? 2 : 1;
        return rows >= 14 && (rows % 2 != 0 || rows < 8 * (rows % 7) || rows % 7 == 0) ? 14 : rows >= 8 ? 8 : rows >= 6 ? 6 : rows >= 2 ? 2 : 1;
    }

    /// <summary>Does the rows of one kernel.</summary>
    /// <param name="height">Of the kernel, from <see cref="Height"/>.</param>
    /// <param name="vectors">Vectors in a row of the panel, 1 or 2.</param>
    /// <param name="a">First row.</param>
    /// <param name="stride">Floats from one row to the next.</param>
    /// <param name="b">The panel.</param>
    /// <param name="depth">Products of each sum.</param>
    /// <param name="results">Where they go, and what is added on the way.</param>
    /// <param name="ahead">What will be read after this: <paramref name="depth"/> lines from here on, one with each step of depth.</param>
    public static void Run(int height, int vectors, float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
    {
        switch (height)
        {
            case 14 when vectors == 2:
                Rows14x2(a, stride, b, depth, results, ahead);
                break;
            case 8 when vectors == 2:
                Rows8x2(a, stride, b, depth, results, ahead);
                break;
            case 6 when vectors == 2:
                Rows6x2(a, stride, b, depth, results, ahead);
                break;
            case 2 when vectors == 2:
                Rows2x2(a, stride, b, depth, results, ahead);
                break;
            case 1 when vectors == 2:
                Rows1x2(a, stride, b, depth, results, ahead);
                break;
            case 14:
                Rows14x1(a, stride, b, depth, results, ahead);
                break;
            case 8:
                Rows8x1(a, stride, b, depth, results, ahead);
                break;
            case 6:
                Rows6x1(a, stride, b, depth, results, ahead);
                break;
            case 2:
                Rows2x1(a, stride, b, depth, results, ahead);
                break;
            default:
                Rows1x1(a, stride, b, depth, results, ahead);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows14x2(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
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
        long second = 2 * stride; float* a03 = a + 3 * stride; float* a06 = a + 6 * stride; float* a09 = a + 9 * stride; float* a12 = a + 12 * stride;
        for (float* end = a + depth; a < end; a++, a03++, a06++, a09++, a12++, b += 2 * TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[stride]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[second]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a03[0]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            x = TLanes.Create(a03[stride]); c04a = TLanes.MultiplyAdd(x, b0, c04a); c04b = TLanes.MultiplyAdd(x, b1, c04b);
            x = TLanes.Create(a03[second]); c05a = TLanes.MultiplyAdd(x, b0, c05a); c05b = TLanes.MultiplyAdd(x, b1, c05b);
            x = TLanes.Create(a06[0]); c06a = TLanes.MultiplyAdd(x, b0, c06a); c06b = TLanes.MultiplyAdd(x, b1, c06b);
            x = TLanes.Create(a06[stride]); c07a = TLanes.MultiplyAdd(x, b0, c07a); c07b = TLanes.MultiplyAdd(x, b1, c07b);
            x = TLanes.Create(a06[second]); c08a = TLanes.MultiplyAdd(x, b0, c08a); c08b = TLanes.MultiplyAdd(x, b1, c08b);
            x = TLanes.Create(a09[0]); c09a = TLanes.MultiplyAdd(x, b0, c09a); c09b = TLanes.MultiplyAdd(x, b1, c09b);
            x = TLanes.Create(a09[stride]); c10a = TLanes.MultiplyAdd(x, b0, c10a); c10b = TLanes.MultiplyAdd(x, b1, c10b);
            x = TLanes.Create(a09[second]); c11a = TLanes.MultiplyAdd(x, b0, c11a); c11b = TLanes.MultiplyAdd(x, b1, c11b);
            x = TLanes.Create(a12[0]); c12a = TLanes.MultiplyAdd(x, b0, c12a); c12b = TLanes.MultiplyAdd(x, b1, c12b);
            x = TLanes.Create(a12[stride]); c13a = TLanes.MultiplyAdd(x, b0, c13a); c13b = TLanes.MultiplyAdd(x, b1, c13b);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0), s1 = bias is null ? zero : Load(bias, 1);
        if (residual is null)
        {
            Write(output, c00a, c00b, s0, s1);
            Write(output + apart, c01a, c01b, s0, s1);
            Write(output + 2 * apart, c02a, c02b, s0, s1);
            Write(output + 3 * apart, c03a, c03b, s0, s1);
            Write(output + 4 * apart, c04a, c04b, s0, s1);
            Write(output + 5 * apart, c05a, c05b, s0, s1);
            Write(output + 6 * apart, c06a, c06b, s0, s1);
            Write(output + 7 * apart, c07a, c07b, s0, s1);
            Write(output + 8 * apart, c08a, c08b, s0, s1);
            Write(output + 9 * apart, c09a, c09b, s0, s1);
            Write(output + 10 * apart, c10a, c10b, s0, s1);
            Write(output + 11 * apart, c11a, c11b, s0, s1);
            Write(output + 12 * apart, c12a, c12b, s0, s1);
            Write(output + 13 * apart, c13a, c13b, s0, s1);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, c00b, s0, s1, residual, factor);
        Write(output + apart, c01a, c01b, s0, s1, residual + apart, factor);
        Write(output + 2 * apart, c02a, c02b, s0, s1, residual + 2 * apart, factor);
        Write(output + 3 * apart, c03a, c03b, s0, s1, residual + 3 * apart, factor);
        Write(output + 4 * apart, c04a, c04b, s0, s1, residual + 4 * apart, factor);
        Write(output + 5 * apart, c05a, c05b, s0, s1, residual + 5 * apart, factor);
        Write(output + 6 * apart, c06a, c06b, s0, s1, residual + 6 * apart, factor);
        Write(output + 7 * apart, c07a, c07b, s0, s1, residual + 7 * apart, factor);
        Write(output + 8 * apart, c08a, c08b, s0, s1, residual + 8 * apart, factor);
        Write(output + 9 * apart, c09a, c09b, s0, s1, residual + 9 * apart, factor);
        Write(output + 10 * apart, c10a, c10b, s0, s1, residual + 10 * apart, factor);
        Write(output + 11 * apart, c11a, c11b, s0, s1, residual + 11 * apart, factor);
        Write(output + 12 * apart, c12a, c12b, s0, s1, residual + 12 * apart, factor);
        Write(output + 13 * apart, c13a, c13b, s0, s1, residual + 13 * apart, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8x2(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
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
        long second = 2 * stride; float* a03 = a + 3 * stride; float* a06 = a + 6 * stride;
        for (float* end = a + depth; a < end; a++, a03++, a06++, b += 2 * TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[stride]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[second]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a03[0]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            x = TLanes.Create(a03[stride]); c04a = TLanes.MultiplyAdd(x, b0, c04a); c04b = TLanes.MultiplyAdd(x, b1, c04b);
            x = TLanes.Create(a03[second]); c05a = TLanes.MultiplyAdd(x, b0, c05a); c05b = TLanes.MultiplyAdd(x, b1, c05b);
            x = TLanes.Create(a06[0]); c06a = TLanes.MultiplyAdd(x, b0, c06a); c06b = TLanes.MultiplyAdd(x, b1, c06b);
            x = TLanes.Create(a06[stride]); c07a = TLanes.MultiplyAdd(x, b0, c07a); c07b = TLanes.MultiplyAdd(x, b1, c07b);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0), s1 = bias is null ? zero : Load(bias, 1);
        if (residual is null)
        {
            Write(output, c00a, c00b, s0, s1);
            Write(output + apart, c01a, c01b, s0, s1);
            Write(output + 2 * apart, c02a, c02b, s0, s1);
            Write(output + 3 * apart, c03a, c03b, s0, s1);
            Write(output + 4 * apart, c04a, c04b, s0, s1);
            Write(output + 5 * apart, c05a, c05b, s0, s1);
            Write(output + 6 * apart, c06a, c06b, s0, s1);
            Write(output + 7 * apart, c07a, c07b, s0, s1);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, c00b, s0, s1, residual, factor);
        Write(output + apart, c01a, c01b, s0, s1, residual + apart, factor);
        Write(output + 2 * apart, c02a, c02b, s0, s1, residual + 2 * apart, factor);
        Write(output + 3 * apart, c03a, c03b, s0, s1, residual + 3 * apart, factor);
        Write(output + 4 * apart, c04a, c04b, s0, s1, residual + 4 * apart, factor);
        Write(output + 5 * apart, c05a, c05b, s0, s1, residual + 5 * apart, factor);
        Write(output + 6 * apart, c06a, c06b, s0, s1, residual + 6 * apart, factor);
        Write(output + 7 * apart, c07a, c07b, s0, s1, residual + 7 * apart, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6x2(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        TVector c01a = zero, c01b = zero;
        TVector c02a = zero, c02b = zero;
        TVector c03a = zero, c03b = zero;
        TVector c04a = zero, c04b = zero;
        TVector c05a = zero, c05b = zero;
        long second = 2 * stride; float* a03 = a + 3 * stride;
        for (float* end = a + depth; a < end; a++, a03++, b += 2 * TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[stride]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
            x = TLanes.Create(a[second]); c02a = TLanes.MultiplyAdd(x, b0, c02a); c02b = TLanes.MultiplyAdd(x, b1, c02b);
            x = TLanes.Create(a03[0]); c03a = TLanes.MultiplyAdd(x, b0, c03a); c03b = TLanes.MultiplyAdd(x, b1, c03b);
            x = TLanes.Create(a03[stride]); c04a = TLanes.MultiplyAdd(x, b0, c04a); c04b = TLanes.MultiplyAdd(x, b1, c04b);
            x = TLanes.Create(a03[second]); c05a = TLanes.MultiplyAdd(x, b0, c05a); c05b = TLanes.MultiplyAdd(x, b1, c05b);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0), s1 = bias is null ? zero : Load(bias, 1);
        if (residual is null)
        {
            Write(output, c00a, c00b, s0, s1);
            Write(output + apart, c01a, c01b, s0, s1);
            Write(output + 2 * apart, c02a, c02b, s0, s1);
            Write(output + 3 * apart, c03a, c03b, s0, s1);
            Write(output + 4 * apart, c04a, c04b, s0, s1);
            Write(output + 5 * apart, c05a, c05b, s0, s1);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, c00b, s0, s1, residual, factor);
        Write(output + apart, c01a, c01b, s0, s1, residual + apart, factor);
        Write(output + 2 * apart, c02a, c02b, s0, s1, residual + 2 * apart, factor);
        Write(output + 3 * apart, c03a, c03b, s0, s1, residual + 3 * apart, factor);
        Write(output + 4 * apart, c04a, c04b, s0, s1, residual + 4 * apart, factor);
        Write(output + 5 * apart, c05a, c05b, s0, s1, residual + 5 * apart, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* output, TVector a, TVector b, TVector biasA, TVector biasB)
    {
        TLanes.Store(TLanes.Add(a, biasA), output);
        TLanes.Store(TLanes.Add(b, biasB), output + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* output, TVector a, TVector b, TVector biasA, TVector biasB, float* residual, TVector factor)
    {
        TLanes.Store(TLanes.MultiplyAdd(factor, TLanes.Load(residual), TLanes.Add(a, biasA)), output);
        TLanes.Store(TLanes.MultiplyAdd(factor, TLanes.Load(residual + TLanes.Count), TLanes.Add(b, biasB)), output + TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Load(float* source, int index) => TLanes.Load(source + index * TLanes.Count);
}
