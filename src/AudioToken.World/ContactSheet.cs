using AudioToken.Audio;
using AudioToken.Pipelines.Imaging;

namespace AudioToken.World;

/// <summary>One picture of many samples: a row a kind, a column a seed; under each scene the log-mel spectrogram of its sound, low tones below.</summary>
public static class ContactSheet
{
    private const int Gap = 2;

    /// <summary>Draws a sheet.</summary>
    /// <param name="kinds">The rows; at least one.</param>
    /// <param name="seeds">The columns; at least one.</param>
    /// <param name="size">Side of each scene in pixels; the spectrogram takes half of that below it.</param>
    /// <param name="seconds">Length of each sound.</param>
    /// <param name="cancellation">Ends it between two samples.</param>
    public static ImageBuffer Draw(IReadOnlyList<WorldKind> kinds, IReadOnlyList<ulong> seeds, int size = 128, double seconds = 10, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        ArgumentNullException.ThrowIfNull(seeds);
        int strip = size / 2, width = seeds.Count * (size + Gap) + Gap, height = kinds.Count * (size + strip + Gap) + Gap;
        byte[] sheet = new byte[3 * width * height];
        sheet.AsSpan().Fill(255);
        for (int row = 0; row < kinds.Count; row++)
        {
            for (int column = 0; column < seeds.Count; column++)
            {
                cancellation.ThrowIfCancellationRequested();
                WorldSample sample = new(kinds[row], seeds[column]);
                int x = Gap + column * (size + Gap), y = Gap + row * (size + strip + Gap);
                Place(sample.Picture(size), sheet, width, x, y);
                Place(Spectrogram(sample.Sound(seconds), size, strip), sheet, width, x, y + size);
            }
        }

        return new ImageBuffer(width, height, sheet);
    }

    /// <summary>A log-mel spectrogram: time to the right, pitch up, from black over violet and orange to pale yellow; the loudest is 60 dB over black.</summary>
    public static ImageBuffer Spectrogram(ReadOnlySpan<float> samples, int width, int height)
    {
        float[] fbank = Fbank.LogMel(samples);
        int frames = fbank.Length / Fbank.MelBins;
        double top = fbank.Max(), range = 60 * Math.Log(10) / 10;
        byte[] rgb = new byte[3 * width * height];
        for (int y = 0; y < height; y++)
        {
            int bin = (height - 1 - y) * Fbank.MelBins / height;
            for (int x = 0; x < width; x++)
            {
                int first = x * frames / width, last = Math.Max(first + 1, (x + 1) * frames / width);
                double mean = 0;
                for (int f = first; f < last; f++)
                    mean += fbank[f * Fbank.MelBins + bin] / (last - first);
                double level = Math.Clamp(1 + (mean - top) / range, 0, 1);
                Span<byte> pixel = rgb.AsSpan(3 * (y * width + x), 3);
                (pixel[0], pixel[1], pixel[2]) = (Byte(1.5 * level), Byte(1.6 * level * level - 0.1), Byte(level < 0.4 ? 1.4 * level : 0.56 - 1.4 * (level - 0.4) + 2 * Math.Max(0, level - 0.7)));
            }
        }

        return new ImageBuffer(width, height, rgb);
    }

    private static byte Byte(double level) => (byte)(Math.Clamp(level, 0, 1) * 255);

    /// <summary>Copies a picture to a place of a sheet of that width.</summary>
    internal static void Place(ImageBuffer picture, byte[] sheet, int width, int x, int y)
    {
        for (int row = 0; row < picture.Height; row++)
            picture.Row(row).CopyTo(sheet.AsSpan(3 * ((y + row) * width + x)));
    }
}
