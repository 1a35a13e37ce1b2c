using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>The one-dimensional transforms of Winograd's F(4, 2) (Lavin and Gray 2016) on one vector type: four outputs of a two-tap filter from five products.</summary>
/// <remarks>Points ±p, ±q and infinity with p = 1/2, q = 5/4: a search over four finite points finds none with less error than pairs about there, and of these the
/// factors of inputs and outputs are exact. Zero as a point would cost the pairs and half as much error again.</remarks>
internal static class WinogradPhase<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const float P = 0.5f, Q = 1.25f;
    private const float Factor = 1 / (2 * (Q * Q - P * P));

    /// <summary>Transforms five inputs, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input(ref TVector d0, ref TVector d1, ref TVector d2, ref TVector d3, ref TVector d4)
    {
        TVector minusP2 = TLanes.Create(-P * P), minusQ2 = TLanes.Create(-Q * Q);
        TVector evenP = TLanes.MultiplyAdd(minusQ2, d0, d2), oddP = TLanes.MultiplyAdd(minusQ2, d1, d3);
        TVector evenQ = TLanes.MultiplyAdd(minusP2, d0, d2), oddQ = TLanes.MultiplyAdd(minusP2, d1, d3);
        d4 = TLanes.MultiplyAdd(TLanes.Create(P * P * Q * Q), d0, TLanes.MultiplyAdd(TLanes.Create(-(P * P + Q * Q)), d2, d4));
        d0 = TLanes.MultiplyAdd(TLanes.Create(P), evenP, oddP);
        d1 = TLanes.MultiplyAdd(TLanes.Create(-P), evenP, oddP);
        d2 = TLanes.MultiplyAdd(TLanes.Create(Q), evenQ, oddQ);
        d3 = TLanes.MultiplyAdd(TLanes.Create(-Q), evenQ, oddQ);
    }

    /// <summary>Sums three taps to the two of a phase (<see cref="Doubling"/>) and transforms these to five.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Filter(
        bool odd, TVector w0, TVector w1, TVector w2, out TVector u0, out TVector u1, out TVector u2, out TVector u3, out TVector u4)
    {
        TVector g0 = odd ? TLanes.Add(w0, w1) : w0, g1 = odd ? w2 : TLanes.Add(w1, w2);
        TVector minus = TLanes.Create(-Factor), plus = TLanes.Create(Factor);
        u0 = TLanes.Multiply(minus, TLanes.MultiplyAdd(TLanes.Create(1 / P), g0, g1));
        u1 = TLanes.Multiply(minus, TLanes.MultiplyAdd(TLanes.Create(-1 / P), g0, g1));
        u2 = TLanes.Multiply(plus, TLanes.MultiplyAdd(TLanes.Create(1 / Q), g0, g1));
        u3 = TLanes.Multiply(plus, TLanes.MultiplyAdd(TLanes.Create(-1 / Q), g0, g1));
        u4 = g1;
    }

    /// <summary>Transforms five products to four outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output(
        TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
    {
        TVector sumP = TLanes.Add(m0, m1), sumQ = TLanes.Add(m2, m3), oddP = TLanes.Subtract(m0, m1), oddQ = TLanes.Subtract(m2, m3);
        y0 = TLanes.Add(sumP, sumQ);
        y1 = TLanes.MultiplyAdd(TLanes.Create(Q), oddQ, TLanes.Multiply(TLanes.Create(P), oddP));
        y2 = TLanes.MultiplyAdd(TLanes.Create(Q * Q), sumQ, TLanes.Multiply(TLanes.Create(P * P), sumP));
        y3 = TLanes.MultiplyAdd(TLanes.Create(Q * Q * Q), oddQ, TLanes.MultiplyAdd(TLanes.Create(P * P * P), oddP, m4));
    }
}
