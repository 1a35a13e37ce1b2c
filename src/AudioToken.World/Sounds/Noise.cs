using AudioToken.World.Numbers;

namespace AudioToken.World.Sounds;

/// <summary>Random signals.</summary>
internal static class Noise
{
    /// <summary>White noise in [-1, 1).</summary>
    public static double[] White(Draws draws, int length)
    {
        double[] noise = new double[length];
        for (int n = 0; n < length; n++)
            noise[n] = draws.Between(-1, 1);
        return noise;
    }

    /// <summary>Noise that falls off above a frequency, brought to a deviation of about 1/3.</summary>
    public static double[] Coloured(Draws draws, int length, double hz)
    {
        double[] noise = White(draws, length);
        Filter.LowPass(noise, hz);
        return Filter.Level(noise, 1.0 / 3);
    }

    /// <summary>Noise between two frequencies, brought to a deviation of about 1/3.</summary>
    public static double[] Band(Draws draws, int length, double lowHz, double highHz)
    {
        double[] noise = White(draws, length);
        Filter.LowPass(noise, highHz);
        Filter.LowPass(noise, highHz);
        Filter.HighPass(noise, lowHz);
        Filter.HighPass(noise, lowHz);
        return Filter.Level(noise, 1.0 / 3);
    }

    /// <summary>A curve that wanders smoothly within [-1, 1], with about <paramref name="perSecond"/> turns a second.</summary>
    public static double[] Wander(Draws draws, int length, double perSecond)
    {
        double[] curve = new double[length];
        double step = perSecond / Track.Rate, at = 1, from = 0, to = draws.Between(-1, 1);
        for (int n = 0; n < length; n++, at += step)
        {
            if (at >= 1)
                (at, from, to) = (at - 1, to, draws.Between(-1, 1));
            curve[n] = from + (to - from) * at * at * (3 - 2 * at);
        }

        return curve;
    }
}
