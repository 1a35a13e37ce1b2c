using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>The transforms of a short correlation, y[i] = sum over j of x[i + j] w[j] for i and j below 16, on one vector type: the discrete Fourier transform of 32 real
/// values at the roots of z^32 = -1.</summary>
/// <remarks>
/// <para>With 16 taps and 16 outputs nothing wraps round, so the sign with which it would does not matter, and unlike the roots of z^32 = 1 none of these is real:
/// one of each conjugate pair, exp(-i pi (4 k + 1) / 32), makes 16 complex points that are all alike. Its sixteenth power is -i, so a transform is that of
/// the 16 complex values (x[n] - i x[n + 16]) exp(-i pi n / 32), a Fourier transform of four times four (Cooley and Tukey 1965).</para>
/// <para>A point's product, x times the conjugate of w, is three real ones of sums and differences (Gauss), and so are the values stored: 48 products for 256.</para>
/// </remarks>
internal static unsafe class OddDft<TLanes, TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>Transforms 32 values, a vector of channels at each.</summary>
    /// <param name="positions">Where they lie, null for zeros.</param>
    /// <param name="channel">The first of the channels.</param>
    /// <param name="to">Receives the operands of the first product.</param>
    /// <param name="stride">Floats from one product to the next.</param>
    /// <param name="part">Room for 32 vectors, aligned.</param>
    public static void Input(float** positions, int channel, float* to, long stride, TVector* part)
    {
        for (int n = 0; n < 4; n++)
        {
            TwistedInput(positions, channel, n, out TVector r0, out TVector i0);
            TwistedInput(positions, channel, n + 4, out TVector r1, out TVector i1);
            TwistedInput(positions, channel, n + 8, out TVector r2, out TVector i2);
            TwistedInput(positions, channel, n + 12, out TVector r3, out TVector i3);
            Column(n, r0, i0, r1, i1, r2, i2, r3, i3, part);
        }

        for (int k = 0; k < 4; k++)
        {
            Row(k, part, out TVector r0, out TVector i0, out TVector r1, out TVector i1, out TVector r2, out TVector i2, out TVector r3, out TVector i3);
            StoreInput(r0, i0, to + 3 * k * stride, stride);
            StoreInput(r1, i1, to + 3 * (k + 4) * stride, stride);
            StoreInput(r2, i2, to + 3 * (k + 8) * stride, stride);
            StoreInput(r3, i3, to + 3 * (k + 12) * stride, stride);
        }
    }

    /// <summary>Transforms 16 taps.</summary>
    /// <param name="from">The first tap.</param>
    /// <param name="tap">Floats from one tap to the next.</param>
    /// <param name="to">Receives the operands of the first product.</param>
    /// <param name="stride">Floats from one product to the next.</param>
    /// <param name="part">Room for 32 vectors, aligned.</param>
    public static void Filter(float* from, long tap, float* to, long stride, TVector* part)
    {
        for (int n = 0; n < 4; n++)
        {
            TwistedTap(from, tap, n, out TVector r0, out TVector i0);
            TwistedTap(from, tap, n + 4, out TVector r1, out TVector i1);
            TwistedTap(from, tap, n + 8, out TVector r2, out TVector i2);
            TwistedTap(from, tap, n + 12, out TVector r3, out TVector i3);
            Column(n, r0, i0, r1, i1, r2, i2, r3, i3, part);
        }

        for (int k = 0; k < 4; k++)
        {
            Row(k, part, out TVector r0, out TVector i0, out TVector r1, out TVector i1, out TVector r2, out TVector i2, out TVector r3, out TVector i3);
            StoreFilter(r0, i0, to + 3 * k * stride, stride);
            StoreFilter(r1, i1, to + 3 * (k + 4) * stride, stride);
            StoreFilter(r2, i2, to + 3 * (k + 8) * stride, stride);
            StoreFilter(r3, i3, to + 3 * (k + 12) * stride, stride);
        }
    }

    /// <summary>Transforms the sums of the products to 16 outputs.</summary>
    /// <param name="sums">Those of the first product.</param>
    /// <param name="stride">Floats from one product to the next.</param>
    /// <param name="outputs">Receives the first output.</param>
    /// <param name="rowStride">Floats from one output to the next.</param>
    /// <param name="part">Room for 32 vectors, aligned.</param>
    public static void Output(float* sums, long stride, float* outputs, int rowStride, TVector* part)
    {
        // The inverse is the transform itself with real and imaginary parts exchanged, before and after.
        for (int n = 0; n < 4; n++)
        {
            Point(sums + 3 * n * stride, stride, out TVector r0, out TVector i0);
            Point(sums + 3 * (n + 4) * stride, stride, out TVector r1, out TVector i1);
            Point(sums + 3 * (n + 8) * stride, stride, out TVector r2, out TVector i2);
            Point(sums + 3 * (n + 12) * stride, stride, out TVector r3, out TVector i3);
            Column(n, i0, r0, i1, r1, i2, r2, i3, r3, part);
        }

        for (int k = 0; k < 4; k++)
        {
            Row(k, part, out TVector i0, out TVector r0, out TVector i1, out TVector r1, out TVector i2, out TVector r2, out TVector i3, out TVector r3);
            StoreOutput(k, r0, i0, outputs, rowStride);
            StoreOutput(k + 4, r1, i1, outputs, rowStride);
            StoreOutput(k + 8, r2, i2, outputs, rowStride);
            StoreOutput(k + 12, r3, i3, outputs, rowStride);
        }
    }

    // (x[n] - i x[n + 16]) exp(-i pi n / 32)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwistedInput(float** positions, int channel, int n, out TVector real, out TVector imaginary)
    {
        TVector x = Winograd<TLanes, TVector>.Pixel(positions[n], channel), later = Winograd<TLanes, TVector>.Pixel(positions[n + OddDft.Taps], channel);
        TVector cos = TLanes.Create(OddDft.Cos[n]), minusSin = TLanes.Create(OddDft.MinusSin[n]);
        real = TLanes.MultiplyAdd(later, minusSin, TLanes.Multiply(x, cos));
        imaginary = TLanes.Subtract(TLanes.Multiply(x, minusSin), TLanes.Multiply(later, cos));
    }

    // w[n] exp(-i pi n / 32)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TwistedTap(float* from, long tap, int n, out TVector real, out TVector imaginary)
    {
        TVector w = TLanes.Load(from + n * tap);
        real = TLanes.Multiply(w, TLanes.Create(OddDft.Cos[n]));
        imaginary = TLanes.Multiply(w, TLanes.Create(OddDft.MinusSin[n]));
    }

    // Values n, n + 4, n + 8, n + 12 to their four sums, turned by exp(-2 pi i n k / 16): part[4 k + n] and, imaginary, 16 later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Column(int n, TVector r0, TVector i0, TVector r1, TVector i1, TVector r2, TVector i2, TVector r3, TVector i3, TVector* part)
    {
        Fourth(ref r0, ref i0, ref r1, ref i1, ref r2, ref i2, ref r3, ref i3);
        (part[n], part[16 + n]) = (r0, i0);
        Turn(ref r1, ref i1, 4 * n);
        (part[4 + n], part[20 + n]) = (r1, i1);
        Turn(ref r2, ref i2, 8 * n);
        (part[8 + n], part[24 + n]) = (r2, i2);
        Turn(ref r3, ref i3, 12 * n);
        (part[12 + n], part[28 + n]) = (r3, i3);
    }

    // Points k, k + 4, k + 8, k + 12.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(
        int k, TVector* part, out TVector r0, out TVector i0, out TVector r1, out TVector i1, out TVector r2, out TVector i2, out TVector r3, out TVector i3)
    {
        part += 4 * k;
        (r0, r1, r2, r3) = (part[0], part[1], part[2], part[3]);
        (i0, i1, i2, i3) = (part[16], part[17], part[18], part[19]);
        Fourth(ref r0, ref i0, ref r1, ref i1, ref r2, ref i2, ref r3, ref i3);
    }

    // A Fourier transform of four values.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fourth(
        ref TVector r0, ref TVector i0, ref TVector r1, ref TVector i1, ref TVector r2, ref TVector i2, ref TVector r3, ref TVector i3)
    {
        TVector evenR = TLanes.Add(r0, r2), evenI = TLanes.Add(i0, i2), evenDifferenceR = TLanes.Subtract(r0, r2), evenDifferenceI = TLanes.Subtract(i0, i2);
        TVector oddR = TLanes.Add(r1, r3), oddI = TLanes.Add(i1, i3), oddDifferenceR = TLanes.Subtract(r1, r3), oddDifferenceI = TLanes.Subtract(i1, i3);
        (r0, i0) = (TLanes.Add(evenR, oddR), TLanes.Add(evenI, oddI));
        (r2, i2) = (TLanes.Subtract(evenR, oddR), TLanes.Subtract(evenI, oddI));
        (r1, i1) = (TLanes.Add(evenDifferenceR, oddDifferenceI), TLanes.Subtract(evenDifferenceI, oddDifferenceR));
        (r3, i3) = (TLanes.Subtract(evenDifferenceR, oddDifferenceI), TLanes.Add(evenDifferenceI, oddDifferenceR));
    }

    // Times exp(-i pi n / 32).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(ref TVector real, ref TVector imaginary, int n)
    {
        TVector cos = TLanes.Create(OddDft.Cos[n]), minusSin = TLanes.Create(OddDft.MinusSin[n]);
        TVector turned = TLanes.Subtract(TLanes.Multiply(real, cos), TLanes.Multiply(imaginary, minusSin));
        imaginary = TLanes.MultiplyAdd(real, minusSin, TLanes.Multiply(imaginary, cos));
        real = turned;
    }

    // Gauss: with s = (xr + xi) wr, x times the conjugate of w is s - xi (wr - wi) + i (s - xr (wr + wi)).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreInput(TVector real, TVector imaginary, float* to, long stride)
    {
        TLanes.Store(TLanes.Add(real, imaginary), to);
        TLanes.Store(real, to + stride);
        TLanes.Store(imaginary, to + 2 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFilter(TVector real, TVector imaginary, float* to, long stride)
    {
        TLanes.Store(real, to);
        TLanes.Store(TLanes.Add(real, imaginary), to + stride);
        TLanes.Store(TLanes.Subtract(real, imaginary), to + 2 * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Point(float* sums, long stride, out TVector real, out TVector imaginary)
    {
        TVector both = TLanes.Load(sums);
        real = TLanes.Subtract(both, TLanes.Load(sums + 2 * stride));
        imaginary = TLanes.Subtract(both, TLanes.Load(sums + stride));
    }

    // The real part of z exp(i pi n / 32) / 16.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreOutput(int n, TVector real, TVector imaginary, float* outputs, int rowStride)
    {
        const float Share = 1f / OddDft.Points;
        TVector y = TLanes.Multiply(TLanes.Create(Share * OddDft.Cos[n]), real);
        TLanes.Store(TLanes.MultiplyAdd(TLanes.Create(Share * OddDft.MinusSin[n]), imaginary, y), outputs + n * rowStride);
    }
}

/// <summary>What is the same of every vector type.</summary>
internal static class OddDft
{
    /// <summary>Taps of a filter, and outputs of a window.</summary>
    public const int Taps = 16;

    /// <summary>Positions of a window.</summary>
    public const int Window = 2 * Taps;

    /// <summary>Complex values of a transform.</summary>
    public const int Points = 16;

    /// <summary>Real products.</summary>
    public const int Products = 3 * Points;

    /// <summary>cos(pi n / 32) for n below 37.</summary>
    public static readonly float[] Cos = [.. Enumerable.Range(0, 37).Select(n => (float)Math.Cos(Math.PI * n / 32))];

    /// <summary>-sin(pi n / 32) for n below 37.</summary>
    public static readonly float[] MinusSin = [.. Enumerable.Range(0, 37).Select(n => (float)-Math.Sin(Math.PI * n / 32))];
}
