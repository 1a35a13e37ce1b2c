using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

// One or two rows: what is left of a block.
internal static unsafe partial class RowKernel<TLanes, TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2x2(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        TVector c01a = zero, c01b = zero;
        for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
            x = TLanes.Create(a[stride]); c01a = TLanes.MultiplyAdd(x, b0, c01a); c01b = TLanes.MultiplyAdd(x, b1, c01b);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0), s1 = bias is null ? zero : Load(bias, 1);
        if (residual is null)
        {
            Write(output, c00a, c00b, s0, s1);
            Write(output + apart, c01a, c01b, s0, s1);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, c00b, s0, s1, residual, factor);
        Write(output + apart, c01a, c01b, s0, s1, residual + apart, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1x2(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero, c00b = zero;
        for (float* end = a + depth; a < end; a++, b += 2 * TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), b1 = Load(b, 1), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a); c00b = TLanes.MultiplyAdd(x, b1, c00b);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0), s1 = bias is null ? zero : Load(bias, 1);
        if (residual is null)
        {
            Write(output, c00a, c00b, s0, s1);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, c00b, s0, s1, residual, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2x1(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        TVector c01a = zero;
        for (float* end = a + depth; a < end; a++, b += TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[stride]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0);
        if (residual is null)
        {
            Write(output, c00a, s0);
            Write(output + apart, c01a, s0);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, s0, residual, factor);
        Write(output + apart, c01a, s0, residual + apart, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1x1(float* a, long stride, float* b, int depth, in RowResults results, byte* ahead)
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        for (float* end = a + depth; a < end; a++, b += TLanes.Count, ahead += CacheLines.Bytes)
        {
            CacheLines.Ask(ahead);
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
        }

        float* bias = results.Bias, output = results.Output, residual = results.Residual;
        long apart = results.Stride;
        TVector s0 = bias is null ? zero : Load(bias, 0);
        if (residual is null)
        {
            Write(output, c00a, s0);
            return;
        }

        TVector factor = TLanes.Create(results.Factor);
        Write(output, c00a, s0, residual, factor);
    }
}
