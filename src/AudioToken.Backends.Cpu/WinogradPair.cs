using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>The one-dimensional transforms of Winograd's F(2, 3) (Lavin and Gray 2016) on one vector type: two outputs of a three-tap filter from four products.</summary>
/// <remarks>Points 0, 1, -1 and infinity: nothing but sums, and halves of filters.</remarks>
internal readonly unsafe struct WinogradPair<TLanes, TVector> : IWinogradTransforms<TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>Transforms four inputs, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(ref TVector d0, ref TVector d1, ref TVector d2, ref TVector d3)
    {
        (TVector sum, TVector difference) = (TLanes.Add(d1, d2), TLanes.Subtract(d2, d1));
        d0 = TLanes.Subtract(d0, d2);
        d3 = TLanes.Subtract(d1, d3);
        (d1, d2) = (sum, difference);
    }

    /// <summary>Transforms three taps to four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Filter(TVector g0, TVector g1, TVector g2, out TVector u0, out TVector u1, out TVector u2, out TVector u3)
    {
        TVector half = TLanes.Create(0.5f), even = TLanes.Multiply(half, TLanes.Add(g0, g2));
        u0 = g0;
        u1 = TLanes.MultiplyAdd(half, g1, even);
        u2 = TLanes.MultiplyAdd(TLanes.Create(-0.5f), g1, even);
        u3 = g2;
    }

    /// <summary>Transforms four products to two outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(TVector m0, TVector m1, TVector m2, TVector m3, out TVector y0, out TVector y1)
    {
        y0 = TLanes.Add(TLanes.Add(m0, m1), m2);
        y1 = TLanes.Subtract(TLanes.Subtract(m1, m2), m3);
    }

    /// <inheritdoc/>
    public static void InputTile(float** pixels, int channel, float* to, long stride, TVector* part)
    {
        for (int j = 0; j < 4; j++)
        {
            TVector d0 = Pixel(pixels[j], channel), d1 = Pixel(pixels[4 + j], channel), d2 = Pixel(pixels[8 + j], channel), d3 = Pixel(pixels[12 + j], channel);
            Input(ref d0, ref d1, ref d2, ref d3);
            (part[j], part[4 + j], part[8 + j], part[12 + j]) = (d0, d1, d2, d3);
        }

        for (int i = 0; i < 16; i += 4, to += 4 * stride)
        {
            (TVector d0, TVector d1, TVector d2, TVector d3) = (part[i], part[i + 1], part[i + 2], part[i + 3]);
            Input(ref d0, ref d1, ref d2, ref d3);
            TLanes.Store(d0, to);
            TLanes.Store(d1, to + stride);
            TLanes.Store(d2, to + 2 * stride);
            TLanes.Store(d3, to + 3 * stride);
        }
    }

    /// <inheritdoc/>
    public static void FilterTile(int phase, float* from, int tap, float* to, long stride, TVector* part)
    {
        for (int j = 0; j < 3; j++, from += tap)
            Filter(TLanes.Load(from), TLanes.Load(from + 3 * tap), TLanes.Load(from + 6 * tap), out part[j], out part[3 + j], out part[6 + j], out part[9 + j]);

        for (int i = 0; i < 12; i += 3, to += 4 * stride)
        {
            Filter(part[i], part[i + 1], part[i + 2], out TVector u0, out TVector u1, out TVector u2, out TVector u3);
            TLanes.Store(u0, to);
            TLanes.Store(u1, to + stride);
            TLanes.Store(u2, to + 2 * stride);
            TLanes.Store(u3, to + 3 * stride);
        }
    }

    /// <inheritdoc/>
    public static void OutputTile(float* products, int stride, float* sums, int rowStride, TVector* part)
    {
        for (int j = 0; j < 4; j++, products += stride)
        {
            Output(
                TLanes.Load(products), TLanes.Load(products + 4 * stride), TLanes.Load(products + 8 * stride), TLanes.Load(products + 12 * stride),
                out part[j], out part[4 + j]);
        }

        for (int i = 0; i < 8; i += 4, sums += 2 * rowStride)
        {
            Output(part[i], part[i + 1], part[i + 2], part[i + 3], out TVector y0, out TVector y1);
            TLanes.Store(y0, sums);
            TLanes.Store(y1, sums + rowStride);
        }
    }

    private static TVector Pixel(float* pixel, int channel) => Winograd<TLanes, TVector>.Pixel(pixel, channel);
}
