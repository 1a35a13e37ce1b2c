using AudioToken.Audio;

namespace AudioToken.World.Classifiers;

/// <summary>What a sound is like on the whole: for each of 32 bands the mean log energy, its spread and how much it changes from frame to frame, and the rhythm
/// of the loudness.</summary>
internal static class SoundFeatures
{
    private const int Bands = 32, Lags = 24;

    public const int Length = 4 * Bands + Lags;

    public static double[] Of(ReadOnlySpan<float> samples)
    {
        float[] fbank = Fbank.LogMel(samples);
        int frames = fbank.Length / Fbank.MelBins;
        double[] features = new double[Length], loudness = new double[frames], bands = new double[frames * Bands];
        for (int i = 0; i < fbank.Length; i++)
            bands[i / Fbank.MelBins * Bands + i % Fbank.MelBins * Bands / Fbank.MelBins] += (double)fbank[i] * Bands / Fbank.MelBins;
        double level = bands.Sum() / bands.Length;
        for (int b = 0; b < Bands; b++)
        {
            double mean = 0, square = 0, change = 0, top = double.MinValue;
            for (int f = 0; f < frames; f++)
            {
                double value = bands[f * Bands + b] - level; // how loud the whole is says nothing
                mean += value / frames;
                square += value * value / frames;
                change += f == 0 ? 0 : Math.Abs(value - (bands[(f - 1) * Bands + b] - level)) / frames;
                top = Math.Max(top, value);
                loudness[f] += value / Bands;
            }

            features[b] = mean;
            features[Bands + b] = Math.Sqrt(Math.Max(0, square - mean * mean));
            features[2 * Bands + b] = change;
            features[3 * Bands + b] = top - mean;
        }

        double average = loudness.Sum() / frames, power = loudness.Sum(value => (value - average) * (value - average)) + 1e-9;
        for (int lag = 0; lag < Lags; lag++) // 20 ms to 2.2 s
        {
            int shift = 2 + (lag * lag * 2 / 5), count = Math.Max(0, frames - shift);
            for (int f = 0; f < count; f++)
                features[4 * Bands + lag] += (loudness[f] - average) * (loudness[f + shift] - average) / power;
        }

        return features;
    }
}
