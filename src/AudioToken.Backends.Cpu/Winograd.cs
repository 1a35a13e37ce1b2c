using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>The one-dimensional transforms of Winograd's F(4, 3) (Lavin and Gray 2016) on one vector type: four outputs of a three-tap filter from six products.</summary>
/// <remarks>Points 0, ±a, ±b and infinity with a = sqrt(1/2), b = sqrt(2). With a b = 1 the factors stay between 0.35 and 2.9, where the usual ±1, ±2 reach 8:
/// the error in fp32 is about a third of theirs. The second dimension is the same transform over the results of the first.</remarks>
internal readonly unsafe struct Winograd<TLanes, TVector> : IWinogradTransforms<TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const float A = 0.70710678f, B = 1.41421356f;

    /// <summary>Transforms six inputs, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(ref TVector d0, ref TVector d1, ref TVector d2, ref TVector d3, ref TVector d4, ref TVector d5)
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
    private static void Filter(
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
    private static void Output(
        TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, TVector m5, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
    {
        TVector sumA = TLanes.Add(m1, m2), sumB = TLanes.Add(m3, m4);
        TVector oddA = TLanes.Multiply(TLanes.Create(A), TLanes.Subtract(m1, m2)), oddB = TLanes.Multiply(TLanes.Create(B), TLanes.Subtract(m3, m4));
        y0 = TLanes.Add(TLanes.Add(m0, sumA), sumB);
        y1 = TLanes.Add(oddA, oddB);
        y2 = TLanes.MultiplyAdd(TLanes.Create(2f), sumB, TLanes.Multiply(TLanes.Create(0.5f), sumA));
        y3 = TLanes.MultiplyAdd(TLanes.Create(2f), oddB, TLanes.MultiplyAdd(TLanes.Create(0.5f), oddA, m5));
    }

    /// <inheritdoc/>
    public static void InputTile(float** pixels, int channel, float* to, long stride, TVector* part)
    {
        for (int j = 0; j < 6; j++)
        {
            TVector d0 = Pixel(pixels[j], channel), d1 = Pixel(pixels[6 + j], channel), d2 = Pixel(pixels[12 + j], channel);
            TVector d3 = Pixel(pixels[18 + j], channel), d4 = Pixel(pixels[24 + j], channel), d5 = Pixel(pixels[30 + j], channel);
            Input(ref d0, ref d1, ref d2, ref d3, ref d4, ref d5);
            (part[j], part[6 + j], part[12 + j], part[18 + j], part[24 + j], part[30 + j]) = (d0, d1, d2, d3, d4, d5);
        }

        for (int i = 0; i < 36; i += 6, to += 6 * stride)
        {
            (TVector d0, TVector d1, TVector d2, TVector d3, TVector d4, TVector d5) = (part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4], part[i + 5]);
            Input(ref d0, ref d1, ref d2, ref d3, ref d4, ref d5);
            TLanes.Store(d0, to);
            TLanes.Store(d1, to + stride);
            TLanes.Store(d2, to + 2 * stride);
            TLanes.Store(d3, to + 3 * stride);
            TLanes.Store(d4, to + 4 * stride);
            TLanes.Store(d5, to + 5 * stride);
        }
    }

    /// <inheritdoc/>
    public static void FilterTile(int phase, float* from, int tap, float* to, long stride, TVector* part)
    {
        for (int j = 0; j < 3; j++)
        {
            Filter(
                TLanes.Load(from + j * tap), TLanes.Load(from + (3 + j) * tap), TLanes.Load(from + (6 + j) * tap),
                out part[j], out part[3 + j], out part[6 + j], out part[9 + j], out part[12 + j], out part[15 + j]);
        }

        for (int i = 0; i < 18; i += 3, to += 6 * stride)
        {
            Filter(part[i], part[i + 1], part[i + 2], out TVector u0, out TVector u1, out TVector u2, out TVector u3, out TVector u4, out TVector u5);
            TLanes.Store(u0, to);
            TLanes.Store(u1, to + stride);
            TLanes.Store(u2, to + 2 * stride);
            TLanes.Store(u3, to + 3 * stride);
            TLanes.Store(u4, to + 4 * stride);
            TLanes.Store(u5, to + 5 * stride);
        }
    }

    /// <inheritdoc/>
    public static void OutputTile(float* products, int stride, float* sums, int rowStride, TVector* part)
    {
        for (int j = 0; j < 6; j++)
        {
            float* at = products + j * stride;
            Output(
                TLanes.Load(at), TLanes.Load(at + 6 * stride), TLanes.Load(at + 12 * stride),
                TLanes.Load(at + 18 * stride), TLanes.Load(at + 24 * stride), TLanes.Load(at + 30 * stride),
                out part[j], out part[6 + j], out part[12 + j], out part[18 + j]);
        }

        for (int i = 0; i < 24; i += 6, sums += 4 * rowStride)
        {
            Output(part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4], part[i + 5], out TVector y0, out TVector y1, out TVector y2, out TVector y3);
            TLanes.Store(y0, sums);
            TLanes.Store(y1, sums + rowStride);
            TLanes.Store(y2, sums + 2 * rowStride);
            TLanes.Store(y3, sums + 3 * rowStride);
        }
    }

    /// <summary>Some channels of a pixel, zeros for one beyond the edge.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Pixel(float* pixel, int channel) => pixel is null ? TLanes.Create(0f) : TLanes.Load(pixel + channel);
}
