using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>The one-dimensional transforms of Winograd's F(4, 3) (Lavin and Gray 2016) on one vector type: four outputs of a three-tap filter from six products.</summary>
/// <remarks>Points 0, ±a, ±b and infinity with a = sqrt(1/2), b = sqrt(2). With a b = 1 the factors stay between 0.35 and 2.9, where the usual ±1, ±2 reach 8:
/// the error in fp32 is about a third of theirs. The second dimension is the same transform over the results of the first.</remarks>
internal static class Winograd<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const float A = 0.70710678f, B = 1.41421356f;

    /// <summary>Transforms six inputs, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input(ref TVector d0, ref TVector d1, ref TVector d2, ref TVector d3, ref TVector d4, ref TVector d5)
    {
        TVector minus2 = TLanes.Create(-2f), minusHalf = TLanes.Create(-0.5f), both = TLanes.Create(-2.5f);
        TVector first = TLanes.Add(TLanes.MultiplyAdd(both, d2, d0), d4);
        TVector last = TLanes.Add(TLanes.MultiplyAdd(both, d3, d1), d5);
        TVector evenA = TLanes.MultiplyAdd(minus2, d2, d4), oddA = TLanes.MultiplyAdd(minus2, d1, d3);
        TVector evenB = TLanes.MultiplyAdd(minusHalf, d2, d4), oddB = TLanes.MultiplyAdd(minusHalf, d1, d3);
        d0 = first;
        d1 = TLanes.MultiplyAdd(TLanes.Create(A), oddA, evenA);
        d2 = TLanes.MultiplyAdd(TLanes.Create(-A), oddA, evenA);
        d3 = TLanes.MultiplyAdd(TLanes.Create(B), oddB, evenB);
        d4 = TLanes.MultiplyAdd(TLanes.Create(-B), oddB, evenB);
        d5 = last;
    }

    /// <summary>Transforms three taps to six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Filter(
        TVector g0, TVector g1, TVector g2, out TVector u0, out TVector u1, out TVector u2, out TVector u3, out TVector u4, out TVector u5)
    {
        TVector evenA = TLanes.Multiply(TLanes.Create(-2f / 3), TLanes.MultiplyAdd(TLanes.Create(0.5f), g2, g0));
        TVector evenB = TLanes.Multiply(TLanes.Create(1f / 6), TLanes.MultiplyAdd(TLanes.Create(2f), g2, g0));
        u0 = g0;
        u1 = TLanes.MultiplyAdd(TLanes.Create(-2f / 3 * A), g1, evenA);
        u2 = TLanes.MultiplyAdd(TLanes.Create(2f / 3 * A), g1, evenA);
        u3 = TLanes.MultiplyAdd(TLanes.Create(1f / 6 * B), g1, evenB);
        u4 = TLanes.MultiplyAdd(TLanes.Create(-1f / 6 * B), g1, evenB);
        u5 = g2;
    }

    /// <summary>Transforms six products to four outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output(
        TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, TVector m5, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
    {
        TVector sumA = TLanes.Add(m1, m2), sumB = TLanes.Add(m3, m4);
        TVector oddA = TLanes.Multiply(TLanes.Create(A), TLanes.Subtract(m1, m2)), oddB = TLanes.Multiply(TLanes.Create(B), TLanes.Subtract(m3, m4));
        y0 = TLanes.Add(TLanes.Add(m0, sumA), sumB);
        y1 = TLanes.Add(oddA, oddB);
        y2 = TLanes.MultiplyAdd(TLanes.Create(2f), sumB, TLanes.Multiply(TLanes.Create(0.5f), sumA));
        y3 = TLanes.MultiplyAdd(TLanes.Create(2f), oddB, TLanes.MultiplyAdd(TLanes.Create(0.5f), oddA, m5));
    }
}
