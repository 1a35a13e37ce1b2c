using AudioToken.World.Numbers;

namespace AudioToken.World.Sounds;

/// <summary>A sound in the making: mono, 16 kHz, into which voices are mixed.</summary>
internal sealed class Track(int length)
{
    public const int Rate = 16000;

    public double[] Samples { get; } = new double[length];

    public double Seconds => (double)Samples.Length / Rate;

    public static int Count(double seconds) => (int)(seconds * Rate);

    /// <summary>Adds a voice; what lies beyond either end is cut.</summary>
    public void Add(double atSeconds, ReadOnlySpan<double> voice, double gain = 1)
    {
        int start = (int)Math.Floor(atSeconds * Rate);
        for (int n = Math.Max(0, -start); n < voice.Length && start + n < Samples.Length; n++)
            Samples[start + n] += gain * voice[n];
    }

    /// <summary>Adds a voice as it comes back from the surroundings: a few echoes, each later, weaker and duller.</summary>
    public void Echo(Draws draws, double seconds, double gain)
    {
        double[] dry = [.. Samples];
        for (double at = seconds * draws.Between(0.6, 1); at < 4 * seconds; at += seconds * draws.Between(0.4, 1.2))
        {
            Filter.LowPass(dry, 3500);
            gain *= 0.6;
            Add(at, dry, gain);
        }
    }

    /// <summary>The samples at a loudness (peak, of full scale at 1) over a background of noise, faded in and out within 10 ms.</summary>
    public float[] Finish(Draws draws)
    {
        double peak = 0;
        foreach (double sample in Samples)
            peak = Math.Max(peak, Math.Abs(sample));
        double gain = Elementary.Decibels(draws.Between(-14, -1)) / Math.Max(peak, 1e-9);
        double[] background = Noise.Coloured(draws, Samples.Length, draws.Between(200, 5000));
        double floor = Elementary.Decibels(draws.Between(-66, -32));

        float[] finished = new float[Samples.Length];
        int fade = Math.Max(1, Math.Min(Rate / 100, finished.Length / 2));
        for (int n = 0; n < finished.Length; n++)
        {
            double edge = Math.Min(1, Math.Min(n + 0.5, finished.Length - n - 0.5) / fade);
            finished[n] = (float)(Math.Clamp(Samples[n] * gain + background[n] * floor, -1, 1) * edge);
        }

        return finished;
    }
}
