using AudioToken.World.Numbers;

namespace AudioToken.World.Sounds;

/// <summary>Short sounds to mix into a track.</summary>
internal static class Voice
{
    /// <summary>A tone that dies away: attack and the time in which it falls to 1/e, in seconds.</summary>
    public static double[] Ring(double hz, double attack, double decay, double glide = 0)
    {
        double[] tone = new double[Track.Count(Math.Min(8, attack * 4 + decay * 6))];
        double fall = Elementary.Exp(-1 / (decay * Track.Rate)), rise = Elementary.Exp(-1 / (Math.Max(attack, 1e-5) * Track.Rate));
        double level = 1, missing = 1, turns = 0;
        for (int n = 0; n < tone.Length; n++)
        {
            tone[n] = level * (1 - missing) * Elementary.SinTurns(turns);
            turns += hz * (1 + glide * (1 - level)) / Track.Rate;
            level *= fall;
            missing *= rise;
        }

        return tone;
    }

    /// <summary>A burst of noise between two frequencies that dies away.</summary>
    public static double[] Burst(Draws draws, double lowHz, double highHz, double attack, double decay)
    {
        double[] burst = Noise.Band(draws, Track.Count(attack * 4 + decay * 6), lowHz, highHz);
        Decay(burst, attack, decay);
        return burst;
    }

    /// <summary>Lets a signal rise and die away.</summary>
    public static void Decay(Span<double> signal, double attack, double decay)
    {
        double fall = Elementary.Exp(-1 / (decay * Track.Rate)), rise = Elementary.Exp(-1 / (Math.Max(attack, 1e-5) * Track.Rate));
        double level = 1, missing = 1;
        foreach (ref double sample in signal)
        {
            sample *= level * (1 - missing);
            level *= fall;
            missing *= rise;
        }
    }

    /// <summary>Harmonics 1 to <paramref name="strengths"/>.Length of a pitch that moves.</summary>
    /// <param name="seconds">Length.</param>
    /// <param name="hz">Pitch at each part of the length, 0 to 1.</param>
    /// <param name="strengths">Amplitude of each harmonic; those above 7 kHz stay silent.</param>
    public static double[] Harmonics(double seconds, Func<double, double> hz, params ReadOnlySpan<double> strengths)
    {
        double[] tone = new double[Track.Count(seconds)];
        double turns = 0;
        for (int n = 0; n < tone.Length; n++)
        {
            double pitch = hz((double)n / tone.Length);
            // sin(k a) from its two predecessors: 2 cos(a) sin((k-1) a) - sin((k-2) a).
            double angle = 2 * Math.PI * (turns - Math.Floor(turns)), sine = Elementary.Sin(angle), twice = 2 * Elementary.Cos(angle), before = 0;
            for (int k = 0; k < strengths.Length && (k + 1) * pitch < 7000; k++)
            {
                tone[n] += strengths[k] * sine;
                (before, sine) = (sine, twice * sine - before);
            }

            turns += pitch / Track.Rate;
        }

        return tone;
    }

    /// <summary>Shapes a signal over its length: value of <paramref name="envelope"/> at each part, 0 to 1.</summary>
    public static double[] Shape(double[] signal, Func<double, double> envelope)
    {
        for (int n = 0; n < signal.Length; n++)
            signal[n] *= envelope((n + 0.5) / signal.Length);
        return signal;
    }

    /// <summary>A hill over 0 to 1: quick to rise, slow to fall where <paramref name="summit"/> is early.</summary>
    public static double Hill(double part, double summit)
    {
        double way = part < summit ? part / summit : (1 - part) / (1 - summit);
        return way * way * (3 - 2 * way);
    }
}
