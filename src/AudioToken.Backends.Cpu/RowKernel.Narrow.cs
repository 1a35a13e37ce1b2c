using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

// Panels of one vector: what is left of the columns when at most half a panel is.
internal static unsafe partial class RowKernel<TLanes, TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows14x1(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
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
        long second = 2 * stride; float* a03 = a + 3 * stride; float* a06 = a + 6 * stride; float* a09 = a + 9 * stride; float* a12 = a + 12 * stride;
        for (float* end = a + depth; a < end; a++, a03++, a06++, a09++, a12++, b += TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[stride]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
            x = TLanes.Create(a[second]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
            x = TLanes.Create(a03[0]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
            x = TLanes.Create(a03[stride]); c04a = TLanes.MultiplyAdd(x, b0, c04a);
            x = TLanes.Create(a03[second]); c05a = TLanes.MultiplyAdd(x, b0, c05a);
            x = TLanes.Create(a06[0]); c06a = TLanes.MultiplyAdd(x, b0, c06a);
            x = TLanes.Create(a06[stride]); c07a = TLanes.MultiplyAdd(x, b0, c07a);
            x = TLanes.Create(a06[second]); c08a = TLanes.MultiplyAdd(x, b0, c08a);
            x = TLanes.Create(a09[0]); c09a = TLanes.MultiplyAdd(x, b0, c09a);
            x = TLanes.Create(a09[stride]); c10a = TLanes.MultiplyAdd(x, b0, c10a);
            x = TLanes.Create(a09[second]); c11a = TLanes.MultiplyAdd(x, b0, c11a);
            x = TLanes.Create(a12[0]); c12a = TLanes.MultiplyAdd(x, b0, c12a);
            x = TLanes.Create(a12[stride]); c13a = TLanes.MultiplyAdd(x, b0, c13a);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0);
        if (residual is null)
        {
            Write(output, c00a, s0);
            Write(output + apart, c01a, s0);
            Write(output + 2 * apart, c02a, s0);
            Write(output + 3 * apart, c03a, s0);
            Write(output + 4 * apart, c04a, s0);
            Write(output + 5 * apart, c05a, s0);
            Write(output + 6 * apart, c06a, s0);
            Write(output + 7 * apart, c07a, s0);
            Write(output + 8 * apart, c08a, s0);
            Write(output + 9 * apart, c09a, s0);
            Write(output + 10 * apart, c10a, s0);
            Write(output + 11 * apart, c11a, s0);
            Write(output + 12 * apart, c12a, s0);
            Write(output + 13 * apart, c13a, s0);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, s0, residual, factor);
        Write(output + apart, c01a, s0, residual + apart, factor);
        Write(output + 2 * apart, c02a, s0, residual + 2 * apart, factor);
        Write(output + 3 * apart, c03a, s0, residual + 3 * apart, factor);
        Write(output + 4 * apart, c04a, s0, residual + 4 * apart, factor);
        Write(output + 5 * apart, c05a, s0, residual + 5 * apart, factor);
        Write(output + 6 * apart, c06a, s0, residual + 6 * apart, factor);
        Write(output + 7 * apart, c07a, s0, residual + 7 * apart, factor);
        Write(output + 8 * apart, c08a, s0, residual + 8 * apart, factor);
        Write(output + 9 * apart, c09a, s0, residual + 9 * apart, factor);
        Write(output + 10 * apart, c10a, s0, residual + 10 * apart, factor);
        Write(output + 11 * apart, c11a, s0, residual + 11 * apart, factor);
        Write(output + 12 * apart, c12a, s0, residual + 12 * apart, factor);
        Write(output + 13 * apart, c13a, s0, residual + 13 * apart, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8x1(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
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
        long second = 2 * stride; float* a03 = a + 3 * stride; float* a06 = a + 6 * stride;
        for (float* end = a + depth; a < end; a++, a03++, a06++, b += TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[stride]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
            x = TLanes.Create(a[second]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
            x = TLanes.Create(a03[0]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
            x = TLanes.Create(a03[stride]); c04a = TLanes.MultiplyAdd(x, b0, c04a);
            x = TLanes.Create(a03[second]); c05a = TLanes.MultiplyAdd(x, b0, c05a);
            x = TLanes.Create(a06[0]); c06a = TLanes.MultiplyAdd(x, b0, c06a);
            x = TLanes.Create(a06[stride]); c07a = TLanes.MultiplyAdd(x, b0, c07a);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0);
        if (residual is null)
        {
            Write(output, c00a, s0);
            Write(output + apart, c01a, s0);
            Write(output + 2 * apart, c02a, s0);
            Write(output + 3 * apart, c03a, s0);
            Write(output + 4 * apart, c04a, s0);
            Write(output + 5 * apart, c05a, s0);
            Write(output + 6 * apart, c06a, s0);
            Write(output + 7 * apart, c07a, s0);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, s0, residual, factor);
        Write(output + apart, c01a, s0, residual + apart, factor);
        Write(output + 2 * apart, c02a, s0, residual + 2 * apart, factor);
        Write(output + 3 * apart, c03a, s0, residual + 3 * apart, factor);
        Write(output + 4 * apart, c04a, s0, residual + 4 * apart, factor);
        Write(output + 5 * apart, c05a, s0, residual + 5 * apart, factor);
        Write(output + 6 * apart, c06a, s0, residual + 6 * apart, factor);
        Write(output + 7 * apart, c07a, s0, residual + 7 * apart, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6x1(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        TVector c01a = zero;
        TVector c02a = zero;
        TVector c03a = zero;
        TVector c04a = zero;
        TVector c05a = zero;
        long second = 2 * stride; float* a03 = a + 3 * stride;
        for (float* end = a + depth; a < end; a++, a03++, b += TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[stride]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
            x = TLanes.Create(a[second]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
            x = TLanes.Create(a03[0]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
            x = TLanes.Create(a03[stride]); c04a = TLanes.MultiplyAdd(x, b0, c04a);
            x = TLanes.Create(a03[second]); c05a = TLanes.MultiplyAdd(x, b0, c05a);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0);
        if (residual is null)
        {
            Write(output, c00a, s0);
            Write(output + apart, c01a, s0);
            Write(output + 2 * apart, c02a, s0);
            Write(output + 3 * apart, c03a, s0);
            Write(output + 4 * apart, c04a, s0);
            Write(output + 5 * apart, c05a, s0);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, s0, residual, factor);
        Write(output + apart, c01a, s0, residual + apart, factor);
        Write(output + 2 * apart, c02a, s0, residual + 2 * apart, factor);
        Write(output + 3 * apart, c03a, s0, residual + 3 * apart, factor);
        Write(output + 4 * apart, c04a, s0, residual + 4 * apart, factor);
        Write(output + 5 * apart, c05a, s0, residual + 5 * apart, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* output, TVector a, TVector bias) => TLanes.Store(TLanes.Add(a, bias), output);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* output, TVector a, TVector bias, float* residual, TVector factor) =>
        TLanes.Store(TLanes.MultiplyAdd(factor, TLanes.Load(residual), TLanes.Add(a, bias)), output);
}
