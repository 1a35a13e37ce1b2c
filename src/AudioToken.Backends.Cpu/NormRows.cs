using System.Runtime.Intrinsics;

namespace AudioToken.Backends.Cpu;

/// <summary>Sums over rows, and rows normalised: the inner loops of the norms. All columns of a row are independent lanes.</summary>
internal static unsafe class NormRows
{
    /// <summary>sums[c] = sum over rows of x[row][c].</summary>
    public static void Sum(float* x, int rows, int columns, float* sums)
    {
        int c = 0;
        if (Vector512.IsHardwareAccelerated)
            c = Sum<Lanes512, Vector512<float>>(x, c, rows, columns, sums);
        c = Sum<Lanes256, Vector256<float>>(x, c, rows, columns, sums);
        Sum<Lanes1, float>(x, c, rows, columns, sums);
    }

    /// <summary>Sums over rows of d = x[row][c] - means[c], and of d * d.</summary>
    public static void Deviations(float* x, int rows, int columns, float* means, float* sums, float* squares)
    {
        int c = 0;
        if (Vector512.IsHardwareAccelerated)
            c = Deviations<Lanes512, Vector512<float>>(x, c, rows, columns, means, sums, squares);
        c = Deviations<Lanes256, Vector256<float>>(x, c, rows, columns, means, sums, squares);
        Deviations<Lanes1, float>(x, c, rows, columns, means, sums, squares);
    }

    /// <summary>y = (x - means) * factors + offsets, then y / (1 + e^-y) if wanted; rows of y are <paramref name="stride"/> floats apart.</summary>
    public static void Apply(float* x, int rows, int columns, float* means, float* factors, float* offsets, float* y, int stride, bool silu)
    {
        int c = 0;
        if (Vector512.IsHardwareAccelerated)
            c = Apply<Lanes512, Vector512<float>>(x, c, rows, columns, means, factors, offsets, y, stride, silu);
        c = Apply<Lanes256, Vector256<float>>(x, c, rows, columns, means, factors, offsets, y, stride, silu);
        Apply<Lanes1, float>(x, c, rows, columns, means, factors, offsets, y, stride, silu);
    }

    // From column c on as far as whole vectors go; returns where it stopped. So do the others.
    private static int Sum<TLanes, TVector>(float* x, int c, int rows, int columns, float* sums)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        for (; c + TLanes.Count <= columns; c += TLanes.Count)
        {
            TVector sum = TLanes.Create(0);
            float* at = x + c;
            for (int row = 0; row < rows; row++, at += columns)
                sum = TLanes.Add(sum, TLanes.Load(at));
            TLanes.Store(sum, sums + c);
        }

        return c;
    }

    private static int Deviations<TLanes, TVector>(float* x, int c, int rows, int columns, float* means, float* sums, float* squares)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        for (; c + TLanes.Count <= columns; c += TLanes.Count)
        {
            TVector mean = TLanes.Load(means + c), sum = TLanes.Create(0), square = sum;
            float* at = x + c;
            for (int row = 0; row < rows; row++, at += columns)
            {
                TVector d = TLanes.Subtract(TLanes.Load(at), mean);
                sum = TLanes.Add(sum, d);
                square = TLanes.MultiplyAdd(d, d, square);
            }

            TLanes.Store(sum, sums + c);
            TLanes.Store(square, squares + c);
        }

        return c;
    }

    private static int Apply<TLanes, TVector>(
        float* x, int c, int rows, int columns, float* means, float* factors, float* offsets, float* y, int stride, bool silu)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        for (; c + TLanes.Count <= columns; c += TLanes.Count)
        {
            TVector mean = TLanes.Load(means + c), factor = TLanes.Load(factors + c), offset = TLanes.Load(offsets + c);
            float* from = x + c, to = y + c;
            for (int row = 0; row < rows; row++, from += columns, to += stride)
            {
                TVector normal = TLanes.MultiplyAdd(TLanes.Subtract(TLanes.Load(from), mean), factor, offset);
                TLanes.Store(silu ? VectorMath.Silu<TLanes, TVector>(normal) : normal, to);
            }
        }

        return c;
    }
}
