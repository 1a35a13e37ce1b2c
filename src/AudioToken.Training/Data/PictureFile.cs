using AudioToken.Tensors;
using StbImageSharp;

namespace AudioToken.Training.Data;

/// <summary>Pictures of training data as a model takes them.</summary>
public static class PictureFile
{
    private const long MostPixels = 100_000_000;

    /// <summary>Reads a PNG or JPEG, resizes it as Pillow's bicubic does and scales it to [-1, 1].</summary>
    /// <param name="path">The file.</param>
    /// <param name="width">Wanted width in pixels.</param>
    /// <param name="height">Wanted height in pixels.</param>
    /// <returns>[height, width, 3], channels last.</returns>
    /// <exception cref="AudioTokenException">It is no picture, or too large (3701).</exception>
    public static float[] Read(string path, int width, int height)
    {
        byte[] file = File.ReadAllBytes(path);
        using MemoryStream stream = new(file);
        ImageInfo info = ImageInfo.FromStream(stream)
            ?? throw new AudioTokenException(TrainingErrors.Data, $"{path} is no PNG or JPEG picture", "convert it to PNG");
        if ((long)info.Width * info.Height > MostPixels)
            throw new AudioTokenException(TrainingErrors.Data, $"{path} has {info.Width} x {info.Height} pixels, wanted at most {MostPixels}", "make it smaller");
        stream.Position = 0;
        ImageResult image = ImageResult.FromStream(stream, ColorComponents.RedGreenBlue);
        byte[] resized = Resize(image.Data, image.Width, image.Height, width, height);
        return Array.ConvertAll(resized, value => (value / 127.5f) - 1);
    }

    /// <summary>Bicubic with a = -0.5, its support widened by the reduction, horizontal pass first, rounded to bytes after each (Pillow's resampling).</summary>
    /// <param name="rgb">[height, width, 3].</param>
    /// <param name="width">Of the source.</param>
    /// <param name="height">Of the source.</param>
    /// <param name="newWidth">Of the result.</param>
    /// <param name="newHeight">Of the result.</param>
    /// <returns>[newHeight, newWidth, 3].</returns>
    public static byte[] Resize(byte[] rgb, int width, int height, int newWidth, int newHeight)
    {
        ArgumentNullException.ThrowIfNull(rgb);
        byte[] rows = (newWidth == width) ? rgb : Pass(rgb, width, newWidth, lines: height, step: 3, sourceLine: 3 * width, resultLine: 3 * newWidth, resultStep: 3);
        return newHeight == height ? rows : Pass(rows, height, newHeight, lines: newWidth, step: 3 * newWidth, sourceLine: 3, resultLine: 3, resultStep: 3 * newWidth);
    }

    private static byte[] Pass(byte[] source, int size, int newSize, int lines, int step, int sourceLine, int resultLine, int resultStep)
    {
        byte[] result = new byte[checked(lines * newSize * 3)];
        double scale = (double)size / newSize, reach = Math.Max(1, scale), support = 2 * reach;
        for (int o = 0; o < newSize; o++)
        {
            double centre = (o + 0.5) * scale;
            int first = Math.Max(0, (int)(centre - support + 0.5)), last = Math.Min(size, (int)(centre + support + 0.5));
            double[] weights = [.. Enumerable.Range(first, last - first).Select(tap => Cubic((tap - centre + 0.5) / reach))];
            double sum = weights.Sum();
            for (int line = 0; line < lines; line++)
            {
                for (int c = 0; c < 3; c++)
                {
                    double value = 0;
                    for (int tap = first; tap < last; tap++)
                        value += weights[tap - first] * source[(line * sourceLine) + (tap * step) + c];
                    result[(line * resultLine) + (o * resultStep) + c] = (byte)Math.Clamp(Math.Floor((value / sum) + 0.5), 0, 255);
                }
            }
        }

        return result;
    }

    private static double Cubic(double x)
    {
        x = Math.Abs(x);
        return x < 1 ? (((1.5 * x) - 2.5) * x * x) + 1 : x < 2 ? (((((-0.5 * x) + 2.5) * x) - 4) * x) + 2 : 0;
    }
}
