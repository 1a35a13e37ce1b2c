using System.Numerics;
using System.Runtime.InteropServices;

namespace AudioToken.Audio;

/// <summary>Power spectrum of real frames of one length, a power of two, in double precision.</summary>
/// <remarks>The frame's even and odd samples form one complex sequence of half the length; a radix-2 Stockham transform (Cochran et al. 1967,
/// in order, no bit reversal) of that, then one pass that separates the two spectra. Not for use by two threads at once: it keeps its work space.</remarks>
internal sealed class RealFft
{
    private readonly int _half;
    private readonly double[] _cos, _sin; // e^(-2*pi*i*k/size), k < half
    private readonly double[] _re0, _im0, _re1, _im1;

    public RealFft(int size)
    {
        if (size < 4 || !BitOperations.IsPow2(size))
            throw new ArgumentOutOfRangeException(nameof(size), size, "The size of a transform is a power of two, at least 4.");
        _half = size / 2;
        (_cos, _sin) = (new double[_half], new double[_half]);
        for (int k = 0; k < _half; k++)
        {
            (double sin, double cos) = Math.SinCos(-2 * Math.PI * k / size);
            (_cos[k], _sin[k]) = (cos, sin);
        }

        (_re0, _im0, _re1, _im1) = (new double[_half], new double[_half], new double[_half], new double[_half]);
    }

    /// <summary>|X[k]|^2 for k = 0 .. size/2 - 1 (the Nyquist bin is left out).</summary>
    /// <param name="frame">[size] samples.</param>
    /// <param name="power">[size / 2] values.</param>
    public void Power(ReadOnlySpan<double> frame, Span<double> power)
    {
        for (int n = 0; n < _half; n++)
            (_re0[n], _im0[n]) = (frame[2 * n], frame[2 * n + 1]);
        (double[] re, double[] im) = Transform();

        power[0] = (re[0] + im[0]) * (re[0] + im[0]);
        for (int k = 1; k < _half; k++)
        {
            // Z = E + iO: E and O are the spectra of the even and odd samples, X = E + w^k O.
            double evenRe = 0.5 * (re[k] + re[_half - k]), evenIm = 0.5 * (im[k] - im[_half - k]);
            double oddRe = 0.5 * (im[k] + im[_half - k]), oddIm = 0.5 * (re[_half - k] - re[k]);
            double xRe = evenRe + _cos[k] * oddRe - _sin[k] * oddIm;
            double xIm = evenIm + _cos[k] * oddIm + _sin[k] * oddRe;
            power[k] = xRe * xRe + xIm * xIm;
        }
    }

    // Stage by stage, runs of `stride` values share one twiddle: from stride 4 on (2 on narrow machines) they fill a vector.
    private (double[] Re, double[] Im) Transform()
    {
        (double[] fromRe, double[] fromIm, double[] toRe, double[] toIm) = (_re0, _im0, _re1, _im1);
        for (int stride = 1, groups = _half / 2; groups >= 1; stride *= 2, groups /= 2)
        {
            int far = stride * groups; // distance between the two inputs of a butterfly
            for (int p = 0; p < groups; p++)
            {
                // The table is of e^(-2*pi*i/size); this transform's own root is its square.
                double wRe = _cos[2 * p * stride], wIm = _sin[2 * p * stride];
                int from = stride * p, to = 2 * stride * p;
                if (stride >= Vector<double>.Count)
                {
                    Butterflies(fromRe.AsSpan(from, stride), fromIm.AsSpan(from, stride), fromRe.AsSpan(from + far, stride), fromIm.AsSpan(from + far, stride),
                        toRe.AsSpan(to, 2 * stride), toIm.AsSpan(to, 2 * stride), wRe, wIm);
                    continue;
                }

                for (int q = 0; q < stride; q++)
                {
                    double aRe = fromRe[from + q], aIm = fromIm[from + q], bRe = fromRe[from + far + q], bIm = fromIm[from + far + q];
                    (toRe[to + q], toIm[to + q]) = (aRe + bRe, aIm + bIm);
                    (double dRe, double dIm) = (aRe - bRe, aIm - bIm);
                    (toRe[to + stride + q], toIm[to + stride + q]) = (dRe * wRe - dIm * wIm, dRe * wIm + dIm * wRe);
                }
            }

            (fromRe, fromIm, toRe, toIm) = (toRe, toIm, fromRe, fromIm);
        }

        return (fromRe, fromIm);
    }

    private static void Butterflies(
        ReadOnlySpan<double> aRe, ReadOnlySpan<double> aIm, ReadOnlySpan<double> bRe, ReadOnlySpan<double> bIm,
        Span<double> toRe, Span<double> toIm, double wRe, double wIm)
    {
        int stride = aRe.Length;
        ReadOnlySpan<Vector<double>> ar = Vectors(aRe), ai = Vectors(aIm), br = Vectors(bRe), bi = Vectors(bIm);
        Span<Vector<double>> sumRe = Vectors(toRe[..stride]), sumIm = Vectors(toIm[..stride]);
        Span<Vector<double>> restRe = Vectors(toRe[stride..]), restIm = Vectors(toIm[stride..]);
        for (int v = 0; v < ar.Length; v++)
        {
            Vector<double> dRe = ar[v] - br[v], dIm = ai[v] - bi[v];
            sumRe[v] = ar[v] + br[v];
            sumIm[v] = ai[v] + bi[v];
            restRe[v] = dRe * wRe - dIm * wIm;
            restIm[v] = dRe * wIm + dIm * wRe;
        }
    }

    private static ReadOnlySpan<Vector<double>> Vectors(ReadOnlySpan<double> values) => MemoryMarshal.Cast<double, Vector<double>>(values);

    private static Span<Vector<double>> Vectors(Span<double> values) => MemoryMarshal.Cast<double, Vector<double>>(values);
}
