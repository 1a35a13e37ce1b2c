using AudioToken.Pipelines.Imaging;
using AudioToken.World.Numbers;

namespace AudioToken.World.Classifiers;

/// <summary>Makes a drawn picture as poor as a generated one may be: shifted, blurred, with coarse blocks, noise and a cast.</summary>
internal static class Degradation
{
    public static ImageBuffer Of(ImageBuffer picture, Draws draws)
    {
        (int width, int height) = (picture.Width, picture.Height);
        double[] pixels = Shifted(picture, draws.Between(-0.04, 0.04), draws.Between(-0.04, 0.04), draws.Between(0.92, 1.08));
        int radius = draws.Whole(0, Math.Max(1, width / 40));
        for (int pass = 0; pass < 2; pass++)
        {
            Blur(pixels, width, height, radius, 3, 3 * width);
            Blur(pixels, height, width, radius, 3 * width, 3);
        }

        // Blocks of 8×8 move towards their mean colour, as coarse JPEG quantisation makes them.
        double blocks = draws.Chance(0.5) ? draws.Between(0, 0.5) : 0, noise = draws.Between(0, 14), contrast = draws.Between(0.7, 1.2);
        Blocks(pixels, width, height, blocks);
        double[] cast = [draws.Between(-18, 18), draws.Between(-18, 18), draws.Between(-18, 18)];
        byte[] rgb = new byte[pixels.Length];
        for (int i = 0; i < rgb.Length; i++)
            rgb[i] = (byte)Math.Clamp(Math.Round((pixels[i] - 128) * contrast + 128 + cast[i % 3] + noise * draws.Between(-1.7, 1.7)), 0, 255);
        return new ImageBuffer(width, height, rgb);
    }

    private static double[] Shifted(ImageBuffer picture, double right, double down, double zoom)
    {
        (int width, int height) = (picture.Width, picture.Height);
        double[] pixels = new double[3 * width * height];
        for (int y = 0; y < height; y++)
        {
            int v = Math.Clamp((int)Math.Round((y - height / 2.0) * zoom + height / 2.0 - down * height), 0, height - 1);
            for (int x = 0; x < width; x++)
            {
                int u = Math.Clamp((int)Math.Round((x - width / 2.0) * zoom + width / 2.0 - right * width), 0, width - 1);
                for (int channel = 0; channel < 3; channel++)
                    pixels[3 * (y * width + x) + channel] = picture.Row(v)[3 * u + channel];
            }
        }

        return pixels;
    }

    // A running mean along lines of `length` pixels, `step` apart; `line` leads from line to line.
    private static void Blur(double[] pixels, int length, int lines, int radius, int step, int line)
    {
        double[] copy = new double[length];
        for (int start = 0; start < lines; start++)
        {
            for (int channel = 0; channel < 3; channel++)
            {
                for (int i = 0; i < length; i++)
                    copy[i] = pixels[start * line + i * step + channel];
                double sum = 0;
                for (int i = -radius; i <= radius; i++)
                    sum += copy[Math.Clamp(i, 0, length - 1)];
                for (int i = 0; i < length; i++)
                {
                    pixels[start * line + i * step + channel] = sum / (2 * radius + 1);
                    sum += copy[Math.Min(i + radius + 1, length - 1)] - copy[Math.Max(i - radius, 0)];
                }
            }
        }
    }

    private static void Blocks(double[] pixels, int width, int height, double part)
    {
        for (int y = 0; y + 8 <= height; y += 8)
        {
            for (int x = 0; x + 8 <= width; x += 8)
            {
                for (int channel = 0; channel < 3; channel++)
                {
                    double mean = 0;
                    for (int i = 0; i < 64; i++)
                        mean += pixels[3 * ((y + i / 8) * width + x + i % 8) + channel] / 64;
                    for (int i = 0; i < 64; i++)
                        pixels[3 * ((y + i / 8) * width + x + i % 8) + channel] += part * (mean - pixels[3 * ((y + i / 8) * width + x + i % 8) + channel]);
                }
            }
        }
    }
}
