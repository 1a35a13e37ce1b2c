using System.Numerics;

namespace AudioToken.Audio;

/// <summary>Power spectra of real frames of one length, a power of two, in double precision: as many frames at a time as a vector has lanes.</summary>
/// <remarks>A frame's even and odd samples form one complex sequence of half the length; a radix-2 Stockham transform (Cochran et al. 1967,
/// in order, no bit reversal) of that, then one pass that separates the two spectra. Frames do not meet, so that their number does not show in a result.
/// Not for use by two threads at once: it keeps its work space.</remarks>
internal sealed class RealFft
{
    private readonly int _half;
    private readonly double[] _cos, _sin; // e^(-2*pi*i*k/size), k < half
    private readonly Vector<double>[] _re0, _im0, _re1, _im1;

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

        (_re0, _im0, _re1, _im1) = (new Vector<double>[_half], new Vector<double>[_half], new Vector<double>[_half], new Vector<double>[_half]);
    }

    /// <summary>|X[k]|^2 for k = 0 .. size/2 - 1 (the Nyquist bin is left out).</summary>
    /// <param name="frames">[size] samples, a frame a lane.</param>
    /// <param name="power">[size / 2] values, a frame a lane.</param>
    public void Power(ReadOnlySpan<Vector<double>> frames, Span<Vector<double>> power)
    {
        for (int n = 0; n < _half; n++)
            (_re0[n], _im0[n]) = (frames[2 * n], frames[2 * n + 1]);
        (Vector<double>[] re, Vector<double>[] im) = Transform();

        power[0] = (re[0] + im[0]) * (re[0] + im[0]);
        for (int k = 1; k < _half; k++)
        {
            // Z = E + iO: E and O are the spectra of the even and odd samples, X = E + w^k O.
            Vector<double> evenRe = 0.5 * (re[k] + re[_half - k]), evenIm = 0.5 * (im[k] - im[_half - k]);
            Vector<double> oddRe = 0.5 * (im[k] + im[_half - k]), oddIm = 0.5 * (re[_half - k] - re[k]);
            Vector<double> xRe = evenRe + _cos[k] * oddRe - _sin[k] * oddIm;
            Vector<double> xIm = evenIm + _cos[k] * oddIm + _sin[k] * oddRe;
            power[k] = xRe * xRe + xIm * xIm;
        }
    }

    // Stage by stage; runs of `stride` values share one twiddle.
    private (Vector<double>[] Re, Vector<double>[] Im) Transform()
    {
        (Vector<double>[] fromRe, Vector<double>[] fromIm, Vector<double>[] toRe, Vector<double>[] toIm) = (_re0, _im0, _re1, _im1);
        for (int stride = 1, groups = _half / 2; groups >= 1; stride *= 2, groups /= 2)
        {
            int far = stride * groups; // distance between the two inputs of a butterfly
            for (int p = 0; p < groups; p++)
            {
                // The table is of e^(-2*pi*i/size); this transform's own root is its square.
                Vector<double> wRe = new(_cos[2 * p * stride]), wIm = new(_sin[2 * p * stride]);
                int from = stride * p, to = 2 * stride * p;
                for (int q = 0; q < stride; q++)
                {
                    Vector<double> aRe = fromRe[from + q], aIm = fromIm[from + q], bRe = fromRe[from + far + q], bIm = fromIm[from + far + q];
                    (toRe[to + q], toIm[to + q]) = (aRe + bRe, aIm + bIm);
                    (Vector<double> dRe, Vector<double> dIm) = (aRe - bRe, aIm - bIm);
                    (toRe[to + stride + q], toIm[to + stride + q]) = (dRe * wRe - dIm * wIm, dRe * wIm + dIm * wRe);
                }
            }

            (fromRe, fromIm, toRe, toIm) = (toRe, toIm, fromRe, fromIm);
        }

        return (fromRe, fromIm);
    }
}
