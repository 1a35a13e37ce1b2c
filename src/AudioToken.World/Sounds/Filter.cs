using AudioToken.World.Numbers;

namespace AudioToken.World.Sounds;

/// <summary>Filters, in place.</summary>
internal static class Filter
{
    /// <summary>One pole: 6 dB an octave above <paramref name="hz"/>.</summary>
    public static void LowPass(Span<double> signal, double hz)
    {
        double a = 1 - Elementary.Exp(-2 * Math.PI * hz / Track.Rate), y = 0;
        for (int n = 0; n < signal.Length; n++)
            signal[n] = y += a * (signal[n] - y);
    }

    /// <summary>One pole: 6 dB an octave below <paramref name="hz"/>.</summary>
    public static void HighPass(Span<double> signal, double hz)
    {
        double a = 1 - Elementary.Exp(-2 * Math.PI * hz / Track.Rate), y = 0;
        for (int n = 0; n < signal.Length; n++)
        {
            y += a * (signal[n] - y);
            signal[n] -= y;
        }
    }

    /// <summary>A resonance with a gain of about 1 at its centre, which may move: the state-variable filter of Chamberlin (1985).</summary>
    /// <param name="signal">What rings it.</param>
    /// <param name="hz">Centre at each sample, below 2500 Hz.</param>
    /// <param name="q">Sharpness: centre over width.</param>
    public static double[] Resonate(ReadOnlySpan<double> signal, Func<int, double> hz, double q)
    {
        double[] ringing = new double[signal.Length];
        double low = 0, band = 0;
        for (int n = 0; n < signal.Length; n++)
        {
            double f = 2 * Elementary.Sin(Math.PI * Math.Min(hz(n), 2500) / Track.Rate);
            low += f * band;
            band += f * (signal[n] - low - band / q);
            ringing[n] = band / q;
        }

        return ringing;
    }

    /// <summary>A resonance at one frequency of up to 7500 Hz: a two-pole resonator with a gain of about 1 at its centre.</summary>
    public static double[] Resonate(ReadOnlySpan<double> signal, double hz, double q)
    {
        double radius = Elementary.Exp(-Math.PI * hz / q / Track.Rate);
        double a1 = 2 * radius * Elementary.Cos(2 * Math.PI * hz / Track.Rate), a2 = -radius * radius;
        double gain = (1 - radius * radius) / 2, y1 = 0, y2 = 0, x1 = 0, x2 = 0;
        double[] ringing = new double[signal.Length];
        for (int n = 0; n < signal.Length; n++)
        {
            double y = gain * (signal[n] - x2) + a1 * y1 + a2 * y2;
            (x2, x1) = (x1, signal[n]);
            (y1, y2) = (y, y1);
            ringing[n] = y;
        }

        return ringing;
    }

    /// <summary>Scales a signal to a root mean square; silence stays.</summary>
    public static double[] Level(double[] signal, double rms)
    {
        double sum = 0;
        foreach (double sample in signal)
            sum += sample * sample;
        double gain = sum > 0 ? rms / Math.Sqrt(sum / signal.Length) : 0;
        for (int n = 0; n < signal.Length; n++)
            signal[n] *= gain;
        return signal;
    }
}
