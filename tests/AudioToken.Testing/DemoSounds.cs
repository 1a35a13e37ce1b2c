using AudioToken.Audio;

namespace AudioToken.Testing;

/// <summary>Three short sounds of our own for demonstrations: 16 kHz, mono, 16 bit, the same bytes from every run.</summary>
/// <remarks>Noise comes from an integer hash, all else from double arithmetic rounded to 16 bits.</remarks>
public static class DemoSounds
{
    private const int Rate = 16000;

    /// <summary>Names of the sounds, which are also the names of their files without ".wav".</summary>
    public static IReadOnlyList<string> Names { get; } = ["rain", "bell", "birdsong"];

    /// <summary>One sound's samples, [T], peak at 0.7.</summary>
    public static float[] Samples(string name) => Level(name switch
    {
        "rain" => Rain(),
        "bell" => Bell(),
        "birdsong" => Birdsong(),
        _ => throw new ArgumentException($"no demo sound '{name}'; there are {string.Join(", ", Names)}.", nameof(name)),
    });

    /// <summary>Writes one sound as a WAV file.</summary>
    public static void Write(string name, Stream stream) => WavWriter.Write(stream, Samples(name), channels: 1, Rate);

    // A bed of noise between two one-pole filters, its strength swaying, and a few hundred drops: short, decaying, each at a pitch of its own.
    private static double[] Rain()
    {
        double[] sound = new double[5 * Rate];
        float[] noise = WeightFormula.Uniform("demo/rain/bed", [sound.Length]);
        (double low, double high) = (0, 0);
        for (int n = 0; n < sound.Length; n++)
        {
            low += 0.55 * (noise[n] - low);
            high += 0.06 * (low - high);
            sound[n] = (low - high) * (0.35 + 0.06 * Math.Sin(2 * Math.PI * 0.31 * n / Rate));
        }

        float[] drops = WeightFormula.Uniform("demo/rain/drops", [260, 3]);
        for (int drop = 0; drop < 260; drop++)
        {
            int start = (int)((drops[3 * drop] + 1) / 2 * (sound.Length - 800));
            double hz = 1800 + 2600 * (drops[3 * drop + 1] + 1) / 2, strength = 0.08 + 0.4 * Math.Pow((drops[3 * drop + 2] + 1) / 2, 4);
            for (int n = 0; n < 800; n++)
                sound[start + n] += strength * Math.Exp(-n / 90.0) * Math.Sin(2 * Math.PI * hz * (1 + n / 9000.0) * n / Rate);
        }

        return sound;
    }

    // Partials of a bell (hum, prime, tierce, quint, nominal and above), each pair slightly apart so that it beats; four strikes.
    private static double[] Bell()
    {
        double[] sound = new double[5 * Rate];
        (double Ratio, double Strength, double Seconds)[] partials =
        [
            (0.5, 0.45, 3.5), (1, 0.7, 2.2), (1.19, 0.55, 1.7), (1.5, 0.3, 1.2), (2, 0.8, 1.1), (2.51, 0.3, 0.7), (2.66, 0.25, 0.6), (3.01, 0.3, 0.5), (4.1, 0.2, 0.3),
        ];
        foreach ((double at, double loudness) in new[] { (0.1, 1.0), (1.3, 0.8), (2.5, 0.95), (3.7, 0.7) })
        {
            int start = (int)(at * Rate);
            for (int n = 0; start + n < sound.Length; n++)
            {
                double t = (double)n / Rate, attack = 1 - Math.Exp(-t / 0.002), value = 0;
                foreach ((double ratio, double strength, double seconds) in partials)
                    value += strength * Math.Exp(-t * 2.5 / seconds) * (Math.Sin(2 * Math.PI * 392 * ratio * t) + Math.Sin(2 * Math.PI * 393.1 * ratio * t));
                sound[start + n] += loudness * attack * value;
            }
        }

        return sound;
    }

    // Phrases of chirps: the pitch sweeps within each note, trills in some, over a faint breath of noise.
    private static double[] Birdsong()
    {
        double[] sound = new double[9 * Rate / 2];
        float[] noise = WeightFormula.Uniform("demo/birdsong/air", [sound.Length]);
        for (int n = 0; n < sound.Length; n++)
            sound[n] = 0.004 * noise[n];

        (double At, int Notes, double Gap, double FromHz, double ToHz, double Seconds, double Trill)[] phrases =
        [
            (0.15, 5, 0.14, 3200, 4600, 0.09, 0), (1.1, 2, 0.3, 5200, 3600, 0.22, 0), (1.8, 9, 0.075, 4300, 3700, 0.05, 0),
            (2.65, 1, 0, 2900, 3900, 0.5, 28), (3.35, 4, 0.17, 5400, 4100, 0.11, 0), (4.1, 1, 0, 3600, 4400, 0.3, 35),
        ];
        foreach ((double at, int notes, double gap, double from, double to, double seconds, double trill) in phrases)
        {
            for (int note = 0; note < notes; note++)
            {
                int start = (int)((at + note * gap) * Rate), length = (int)(seconds * Rate);
                double phase = 0;
                for (int n = 0; n < length && start + n < sound.Length; n++)
                {
                    double part = (double)n / length;
                    double hz = (from + (to - from) * part) * (1 + 0.06 * Math.Sin(2 * Math.PI * trill * n / Rate)) * (1 + 0.01 * note);
                    phase += 2 * Math.PI * hz / Rate;
                    double envelope = Math.Pow(Math.Sin(Math.PI * part), 1.5);
                    sound[start + n] += envelope * (0.8 * Math.Sin(phase) + (hz < 3900 ? 0.12 * Math.Sin(2 * phase) : 0));
                }
            }
        }

        return sound;
    }

    private static float[] Level(double[] sound)
    {
        double peak = sound.Max(Math.Abs);
        return [.. sound.Select(x => (float)(x / peak * 0.7))];
    }
}
