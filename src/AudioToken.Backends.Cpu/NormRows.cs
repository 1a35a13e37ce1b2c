using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AudioToken.Backends.Cpu;

/// <summary>Sums over rows, and rows normalised: the inner loops of the norms. All columns of a row are independent lanes.</summary>
internal static unsafe class NormRows
{
    private const int V = 8;

    /// <summary>sums[c] += sum over rows of x[row][c].</summary>
    public static void Sum(float* x, int rows, int columns, float* sums)
    {
        Span<float> to = new(sums, columns);
        for (int row = 0; row < rows; row++)
            TensorPrimitives.Add(to, new ReadOnlySpan<float>(x + (long)row * columns, columns), to);
    }

    /// <summary>Sums over rows of d = x[row][c] - means[c], and of d * d.</summary>
    public static void Deviations(float* x, int rows, int columns, float* means, float* sums, float* squares)
    {
        int c = 0;
        for (; c + 2 * V <= columns; c += 2 * V)
        {
            Vector256<float> m0 = Vector256.Load(means + c), m1 = Vector256.Load(means + c + V);
            Vector256<float> s0 = default, s1 = default, q0 = default, q1 = default;
            float* at = x + c;
            for (int row = 0; row < rows; row++)
            {
                Vector256<float> d0 = Vector256.Load(at) - m0, d1 = Vector256.Load(at + V) - m1;
                s0 += d0;
                s1 += d1;
                q0 = Vector256.MultiplyAddEstimate(d0, d0, q0);
                q1 = Vector256.MultiplyAddEstimate(d1, d1, q1);
                at += columns;
            }

            s0.Store(sums + c);
            s1.Store(sums + c + V);
            q0.Store(squares + c);
            q1.Store(squares + c + V);
        }

        for (; c < columns; c++)
        {
            float sum = 0, square = 0;
            for (int row = 0; row < rows; row++)
            {
                float d = x[(long)row * columns + c] - means[c];
                sum += d;
                square += d * d;
            }

            (sums[c], squares[c]) = (sum, square);
        }
    }

    /// <summary>y = (x - means) * factors + offsets, then y / (1 + e^-y) if wanted.</summary>
    public static void Apply(float* x, int columns, float* means, float* factors, float* offsets, float* y, bool silu)
    {
        int c = 0;
        if (Vector512.IsHardwareAccelerated)
            c = Apply<Lanes512, Vector512<float>>(x, c, columns, means, factors, offsets, y, silu);
        c = Apply<Lanes256, Vector256<float>>(x, c, columns, means, factors, offsets, y, silu);
        Apply<Lanes1, float>(x, c, columns, means, factors, offsets, y, silu);
    }

    // From column c on as far as whole vectors go; returns where it stopped.
    private static int Apply<TLanes, TVector>(float* x, int c, int columns, float* means, float* factors, float* offsets, float* y, bool silu)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        if (silu)
        {
            for (; c + TLanes.Count <= columns; c += TLanes.Count)
                TLanes.Store(VectorMath.Silu<TLanes, TVector>(Normal<TLanes, TVector>(x + c, means + c, factors + c, offsets + c)), y + c);
        }
        else
        {
            for (; c + TLanes.Count <= columns; c += TLanes.Count)
                TLanes.Store(Normal<TLanes, TVector>(x + c, means + c, factors + c, offsets + c), y + c);
        }

        return c;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Normal<TLanes, TVector>(float* x, float* means, float* factors, float* offsets)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
        => TLanes.MultiplyAdd(TLanes.Subtract(TLanes.Load(x), TLanes.Load(means)), TLanes.Load(factors), TLanes.Load(offsets));
}
