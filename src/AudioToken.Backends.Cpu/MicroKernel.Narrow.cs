using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

// Panels of one vector: what is left of the columns when at most half a panel is, such as the 3 or 4 channels of a last convolution.
internal static unsafe partial class MicroKernel<TLanes, TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows14x1<TDistance>(float* a, float* b, int depth, float* tile, bool first)
        where TDistance : struct, IRowDistance
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
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0));
            c01a = TLanes.Add(c01a, Load(tile, 1));
            c02a = TLanes.Add(c02a, Load(tile, 2));
            c03a = TLanes.Add(c03a, Load(tile, 3));
            c04a = TLanes.Add(c04a, Load(tile, 4));
            c05a = TLanes.Add(c05a, Load(tile, 5));
            c06a = TLanes.Add(c06a, Load(tile, 6));
            c07a = TLanes.Add(c07a, Load(tile, 7));
            c08a = TLanes.Add(c08a, Load(tile, 8));
            c09a = TLanes.Add(c09a, Load(tile, 9));
            c10a = TLanes.Add(c10a, Load(tile, 10));
            c11a = TLanes.Add(c11a, Load(tile, 11));
            c12a = TLanes.Add(c12a, Load(tile, 12));
            c13a = TLanes.Add(c13a, Load(tile, 13));
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
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6x1<TDistance>(float* a, float* b, int depth, float* tile, bool first)
        where TDistance : struct, IRowDistance
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        TVector c01a = zero;
        TVector c02a = zero;
        TVector c03a = zero;
        TVector c04a = zero;
        TVector c05a = zero;
        for (float* end = a + depth; a < end; a++, b += TLanes.Count)
        {
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
            x = TLanes.Create(a[2 * TDistance.Floats]); c02a = TLanes.MultiplyAdd(x, b0, c02a);
            x = TLanes.Create(a[3 * TDistance.Floats]); c03a = TLanes.MultiplyAdd(x, b0, c03a);
            x = TLanes.Create(a[4 * TDistance.Floats]); c04a = TLanes.MultiplyAdd(x, b0, c04a);
            x = TLanes.Create(a[5 * TDistance.Floats]); c05a = TLanes.MultiplyAdd(x, b0, c05a);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0));
            c01a = TLanes.Add(c01a, Load(tile, 1));
            c02a = TLanes.Add(c02a, Load(tile, 2));
            c03a = TLanes.Add(c03a, Load(tile, 3));
            c04a = TLanes.Add(c04a, Load(tile, 4));
            c05a = TLanes.Add(c05a, Load(tile, 5));
        }

        Store(tile, 0, c00a);
        Store(tile, 1, c01a);
        Store(tile, 2, c02a);
        Store(tile, 3, c03a);
        Store(tile, 4, c04a);
        Store(tile, 5, c05a);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2x1<TDistance>(float* a, float* b, int depth, float* tile, bool first)
        where TDistance : struct, IRowDistance
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        TVector c01a = zero;
        for (float* end = a + depth; a < end; a++, b += TLanes.Count)
        {
            TVector b0 = Load(b, 0), x;
            x = TLanes.Create(a[0]); c00a = TLanes.MultiplyAdd(x, b0, c00a);
            x = TLanes.Create(a[TDistance.Floats]); c01a = TLanes.MultiplyAdd(x, b0, c01a);
        }

        if (!first)
        {
            c00a = TLanes.Add(c00a, Load(tile, 0));
            c01a = TLanes.Add(c01a, Load(tile, 1));
        }

        Store(tile, 0, c00a);
        Store(tile, 1, c01a);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1x1<TDistance>(float* a, float* b, int depth, float* tile, bool first)
        where TDistance : struct, IRowDistance
    {
        TVector zero = TLanes.Create(0f);
        TVector c00a = zero;
        for (float* end = a + depth; a < end; a++, b += TLanes.Count)
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
}
