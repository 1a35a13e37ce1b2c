using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>The transforms of <see cref="Winograd{TLanes, TVector}"/> turned round: gradients of four outputs to six products, six products to three taps.</summary>
internal static unsafe class WinogradGradient<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const float A = 0.70710678f, B = 1.41421356f;

    /// <summary>Transforms the gradients of a tile, of one vector of channels.</summary>
    /// <param name="pixels">Four by four pixels, null beyond the edge.</param>
    /// <param name="channel">The first of the channels.</param>
    /// <param name="to">Receives the first point's.</param>
    /// <param name="stride">Floats from one point to the next.</param>
    /// <param name="part">Room for 24 vectors, aligned.</param>
    public static void SlopeTile(float** pixels, int channel, float* to, long stride, TVector* part)
    {
        for (int j = 0; j < 4; j++)
        {
            Slopes(
                Pixel(pixels[j], channel), Pixel(pixels[4 + j], channel), Pixel(pixels[8 + j], channel), Pixel(pixels[12 + j], channel),
                out part[j], out part[4 + j], out part[8 + j], out part[12 + j], out part[16 + j], out part[20 + j]);
        }

        for (int i = 0; i < 24; i += 4, to += 6 * stride)
        {
            Slopes(
                part[i], part[i + 1], part[i + 2], part[i + 3], out TVector s0, out TVector s1, out TVector s2, out TVector s3, out TVector s4, out TVector s5);
            TLanes.Store(s0, to);
            TLanes.Store(s1, to + stride);
            TLanes.Store(s2, to + 2 * stride);
            TLanes.Store(s3, to + 3 * stride);
            TLanes.Store(s4, to + 4 * stride);
            TLanes.Store(s5, to + 5 * stride);
        }
    }

    /// <summary>Transforms the sums of one filter to its nine taps, of one vector of channels.</summary>
    /// <param name="sums">The first point's.</param>
    /// <param name="stride">Floats from one point to the next.</param>
    /// <param name="taps">Receives the first tap.</param>
    /// <param name="tapStride">Floats from one tap to the next.</param>
    /// <param name="part">Room for 18 vectors, aligned.</param>
    public static void TapTile(float* sums, long stride, float* taps, long tapStride, TVector* part)
    {
        for (int j = 0; j < 6; j++)
        {
            float* at = sums + j * stride;
            Taps(
                TLanes.Load(at), TLanes.Load(at + 6 * stride), TLanes.Load(at + 12 * stride), TLanes.Load(at + 18 * stride),
                TLanes.Load(at + 24 * stride), TLanes.Load(at + 30 * stride), out part[j], out part[6 + j], out part[12 + j]);
        }

        for (int i = 0; i < 18; i += 6, taps += 3 * tapStride)
        {
            Taps(part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4], part[i + 5], out TVector g0, out TVector g1, out TVector g2);
            TLanes.Store(g0, taps);
            TLanes.Store(g1, taps + tapStride);
            TLanes.Store(g2, taps + 2 * tapStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Slopes(
        TVector y0, TVector y1, TVector y2, TVector y3, out TVector s0, out TVector s1, out TVector s2, out TVector s3, out TVector s4, out TVector s5)
    {
        TVector half = TLanes.Create(0.5f), two = TLanes.Create(2f);
        TVector evenA = TLanes.MultiplyAdd(half, y2, y0), oddA = TLanes.Multiply(TLanes.Create(A), TLanes.MultiplyAdd(half, y3, y1));
        TVector evenB = TLanes.MultiplyAdd(two, y2, y0), oddB = TLanes.Multiply(TLanes.Create(B), TLanes.MultiplyAdd(two, y3, y1));
        s0 = y0;
        s1 = TLanes.Add(evenA, oddA);
        s2 = TLanes.Subtract(evenA, oddA);
        s3 = TLanes.Add(evenB, oddB);
        s4 = TLanes.Subtract(evenB, oddB);
        s5 = y3;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Taps(
        TVector u0, TVector u1, TVector u2, TVector u3, TVector u4, TVector u5, out TVector g0, out TVector g1, out TVector g2)
    {
        TVector sumA = TLanes.Add(u1, u2), sumB = TLanes.Add(u3, u4);
        g0 = TLanes.MultiplyAdd(TLanes.Create(1f / 6), sumB, TLanes.MultiplyAdd(TLanes.Create(-2f / 3), sumA, u0));
        g1 = TLanes.MultiplyAdd(
            TLanes.Create(1f / 6 * B), TLanes.Subtract(u3, u4), TLanes.Multiply(TLanes.Create(-2f / 3 * A), TLanes.Subtract(u1, u2)));
        g2 = TLanes.MultiplyAdd(TLanes.Create(1f / 3), TLanes.Subtract(sumB, sumA), u5);
    }

    private static TVector Pixel(float* pixel, int channel) => Winograd<TLanes, TVector>.Pixel(pixel, channel);
}
