using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>The one-dimensional transforms of Winograd's F(4, 2) (Lavin and Gray 2016) on one vector type: four outputs of a two-tap filter from five products.</summary>
/// <remarks>Points ±p, ±q and infinity with p = 1/2, q = 5/4: a search over four finite points finds none with less error than pairs about there, and of these the
/// factors of inputs and outputs are exact. Zero as a point would cost the pairs and half as much error again.</remarks>
internal readonly unsafe struct WinogradPhase<TLanes, TVector> : IWinogradTransforms<TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const float P = 0.5f, Q = 1.25f;
    private const float Factor = 1 / (2 * (Q * Q - P * P));

    /// <summary>Transforms five inputs, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(ref TVector d0, ref TVector d1, ref TVector d2, ref TVector d3, ref TVector d4)
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
    private static void Filter(
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
    private static void Output(
        TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
    {
        TVector sumP = TLanes.Add(m0, m1), sumQ = TLanes.Add(m2, m3), oddP = TLanes.Subtract(m0, m1), oddQ = TLanes.Subtract(m2, m3);
        y0 = TLanes.Add(sumP, sumQ);
        y1 = TLanes.MultiplyAdd(TLanes.Create(Q), oddQ, TLanes.Multiply(TLanes.Create(P), oddP));
        y2 = TLanes.MultiplyAdd(TLanes.Create(Q * Q), sumQ, TLanes.Multiply(TLanes.Create(P * P), sumP));
        y3 = TLanes.MultiplyAdd(TLanes.Create(Q * Q * Q), oddQ, TLanes.MultiplyAdd(TLanes.Create(P * P * P), oddP, m4));
    }

    /// <inheritdoc/>
    public static void InputTile(float** pixels, int channel, float* to, long stride, TVector* part)
    {
        for (int j = 0; j < 5; j++)
        {
            TVector d0 = Pixel(pixels[j], channel), d1 = Pixel(pixels[5 + j], channel), d2 = Pixel(pixels[10 + j], channel), d3 = Pixel(pixels[15 + j], channel), d4 = Pixel(pixels[20 + j], channel);
            Input(ref d0, ref d1, ref d2, ref d3, ref d4);
            (part[j], part[5 + j], part[10 + j], part[15 + j], part[20 + j]) = (d0, d1, d2, d3, d4);
        }

        for (int i = 0; i < 25; i += 5, to += 5 * stride)
        {
            (TVector d0, TVector d1, TVector d2, TVector d3, TVector d4) = (part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4]);
            Input(ref d0, ref d1, ref d2, ref d3, ref d4);
            TLanes.Store(d0, to);
            TLanes.Store(d1, to + stride);
            TLanes.Store(d2, to + 2 * stride);
            TLanes.Store(d3, to + 3 * stride);
            TLanes.Store(d4, to + 4 * stride);
        }
    }

    /// <inheritdoc/>
    public static void FilterTile(int phase, float* from, int tap, float* to, long stride, TVector* part)
    {
        bool oddRow = phase / 2 == 1, oddColumn = phase % 2 == 1;
        for (int j = 0; j < 3; j++, from += tap)
        {
            Filter(
                oddRow, TLanes.Load(from), TLanes.Load(from + 3 * tap), TLanes.Load(from + 6 * tap),
                out part[j], out part[3 + j], out part[6 + j], out part[9 + j], out part[12 + j]);
        }

        for (int i = 0; i < 15; i += 3, to += 5 * stride)
        {
            Filter(
                oddColumn, part[i], part[i + 1], part[i + 2], out TVector u0, out TVector u1, out TVector u2, out TVector u3, out TVector u4);
            TLanes.Store(u0, to);
            TLanes.Store(u1, to + stride);
            TLanes.Store(u2, to + 2 * stride);
            TLanes.Store(u3, to + 3 * stride);
            TLanes.Store(u4, to + 4 * stride);
        }
    }

    /// <inheritdoc/>
    public static void OutputTile(float* products, int stride, float* sums, int rowStride, TVector* part)
    {
        for (int j = 0; j < 5; j++)
        {
            float* at = products + j * stride;
            Output(
                TLanes.Load(at), TLanes.Load(at + 5 * stride), TLanes.Load(at + 10 * stride), TLanes.Load(at + 15 * stride), TLanes.Load(at + 20 * stride),
                out part[j], out part[5 + j], out part[10 + j], out part[15 + j]);
        }

        for (int i = 0; i < 20; i += 5, sums += 4 * rowStride)
        {
            Output(part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4], out TVector y0, out TVector y1, out TVector y2, out TVector y3);
            TLanes.Store(y0, sums);
            TLanes.Store(y1, sums + rowStride);
            TLanes.Store(y2, sums + 2 * rowStride);
            TLanes.Store(y3, sums + 3 * rowStride);
        }
    }

    private static TVector Pixel(float* pixel, int channel) => Winograd<TLanes, TVector>.Pixel(pixel, channel);
}
