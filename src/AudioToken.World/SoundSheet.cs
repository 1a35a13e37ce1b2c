using AudioToken.Pipelines.Imaging;

namespace AudioToken.World;

/// <summary>A sound, and the pictures that a model has drawn of it.</summary>
/// <param name="Samples">Mono, 16 kHz, in [-1, 1].</param>
/// <param name="Pictures">All of one size.</param>
public sealed record DrawnSound(IReadOnlyList<float> Samples, IReadOnlyList<ImageBuffer> Pictures);

/// <summary>One picture of what a model draws: a row a sound, its waveform above its log-mel spectrogram, then the pictures drawn of it.</summary>
public static class SoundSheet
{
    private const int Gap = 2;

    /// <summary>Draws a sheet.</summary>
    /// <param name="sounds">The rows; at least one, with as many pictures each, all of one size.</param>
    /// <param name="across">Rows that stand side by side; the first ones fill the first column from top to bottom.</param>
    public static ImageBuffer Draw(IReadOnlyList<DrawnSound> sounds, int across = 1)
    {
        ArgumentNullException.ThrowIfNull(sounds);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sounds.Count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(across);
        ImageBuffer first = sounds[0].Pictures[0];
        (int cellWidth, int cellHeight) = (first.Width + Gap, first.Height + Gap);
        int rows = (sounds.Count + across - 1) / across, columns = (sounds[0].Pictures.Count + 1) * across;
        int width = (columns * cellWidth) + Gap, height = (rows * cellHeight) + Gap;
        byte[] sheet = new byte[3 * width * height];
        sheet.AsSpan().Fill(255);
        for (int i = 0; i < sounds.Count; i++)
        {
            int x = Gap + (i / rows * (columns / across) * cellWidth), y = Gap + (i % rows * cellHeight), half = first.Height / 2;
            float[] samples = [.. sounds[i].Samples];
            ContactSheet.Place(Waveform(samples, first.Width, half), sheet, width, x, y);
            ContactSheet.Place(ContactSheet.Spectrogram(samples, first.Width, first.Height - half), sheet, width, x, y + half);
            foreach (ImageBuffer picture in sounds[i].Pictures)
                ContactSheet.Place(picture, sheet, width, x += cellWidth, y);
        }

        return new ImageBuffer(width, height, sheet);
    }

    /// <summary>A waveform: time to the right, of each column the span from the lowest to the highest sample, the loudest reaching the edges.</summary>
    public static ImageBuffer Waveform(ReadOnlySpan<float> samples, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        byte[] rgb = new byte[3 * width * height];
        rgb.AsSpan().Fill(245);
        float loudest = 1e-6f;
        foreach (float sample in samples)
            loudest = Math.Max(loudest, Math.Abs(sample));
        for (int x = 0; x < width && samples.Length > 0; x++)
        {
            int from = (int)((long)samples.Length * x / width), to = (int)Math.Max(from + 1, (long)samples.Length * (x + 1) / width);
            (float low, float high) = (samples[Math.Min(from, samples.Length - 1)], samples[Math.Min(from, samples.Length - 1)]);
            foreach (float sample in samples[Math.Min(from, samples.Length)..Math.Min(to, samples.Length)])
                (low, high) = (Math.Min(low, sample), Math.Max(high, sample));
            int top = Row(high / loudest, height), bottom = Row(low / loudest, height);
            for (int y = top; y <= bottom; y++)
                (rgb[3 * ((y * width) + x)], rgb[(3 * ((y * width) + x)) + 1], rgb[(3 * ((y * width) + x)) + 2]) = (70, 40, 110);
        }

        return new ImageBuffer(width, height, rgb);
    }

    private static int Row(float level, int height) => Math.Clamp((int)((1 - level) / 2 * height), 0, height - 1);
}
