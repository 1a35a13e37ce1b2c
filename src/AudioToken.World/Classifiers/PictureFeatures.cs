using AudioToken.Pipelines.Imaging;

namespace AudioToken.World.Classifiers;

/// <summary>What a picture looks like from afar: colours on an 8×8 grid, and how edges run in each of 8×8 cells.</summary>
/// <remarks>All of it is measured on a 32×32 reduction, in which the softness of a generated picture hardly shows. Histograms of gradients after Dalal and Triggs 2005.</remarks>
internal static class PictureFeatures
{
    private const int Side = 32, Cells = 8, Directions = 8;

    public const int Length = 3 * Cells * Cells + Cells * Cells * Directions;

    public static double[] Of(ImageBuffer picture)
    {
        double[] small = Reduce(picture), features = new double[Length], luma = new double[Side * Side];
        for (int i = 0; i < luma.Length; i++)
        {
            luma[i] = 0.299 * small[3 * i] + 0.587 * small[3 * i + 1] + 0.114 * small[3 * i + 2];
            int cell = i / Side / (Side / Cells) * Cells + i % Side / (Side / Cells);
            for (int channel = 0; channel < 3; channel++)
                features[3 * cell + channel] += small[3 * i + channel] / 16;
        }

        Span<double> edges = features.AsSpan(3 * Cells * Cells);
        double total = 0;
        for (int y = 1; y < Side - 1; y++)
        {
            for (int x = 1; x < Side - 1; x++)
            {
                double dx = luma[y * Side + x + 1] - luma[y * Side + x - 1], dy = luma[(y + 1) * Side + x] - luma[(y - 1) * Side + x], strength = Math.Sqrt(dx * dx + dy * dy);
                double turn = Math.Atan2(dy, dx) / Math.PI * Directions + Directions; // a half turn is the same edge
                int low = (int)Math.Floor(turn);
                int cell = (y / (Side / Cells) * Cells + x / (Side / Cells)) * Directions;
                edges[cell + low % Directions] += strength * (1 - (turn - low));
                edges[cell + (low + 1) % Directions] += strength * (turn - low);
                total += strength;
            }
        }

        // Square roots even out strong and weak edges; the division evens out contrast.
        foreach (ref double edge in edges)
            edge = Math.Sqrt(edge / (total + 1));
        return features;
    }

    private static double[] Reduce(ImageBuffer picture)
    {
        double[] small = new double[3 * Side * Side];
        for (int y = 0; y < Side; y++)
        {
            (int top, int bottom) = (y * picture.Height / Side, Math.Max(y * picture.Height / Side + 1, (y + 1) * picture.Height / Side));
            for (int x = 0; x < Side; x++)
            {
                (int left, int right) = (x * picture.Width / Side, Math.Max(x * picture.Width / Side + 1, (x + 1) * picture.Width / Side));
                int red = 0, green = 0, blue = 0;
                for (int v = top; v < bottom; v++)
                {
                    ReadOnlySpan<byte> row = picture.Row(v);
                    for (int i = 3 * left; i < 3 * right; i += 3)
                        (red, green, blue) = (red + row[i], green + row[i + 1], blue + row[i + 2]);
                }

                double scale = 1 / (255.0 * (bottom - top) * (right - left));
                (small[3 * (y * Side + x)], small[3 * (y * Side + x) + 1], small[3 * (y * Side + x) + 2]) = (red * scale, green * scale, blue * scale);
            }
        }

        return small;
    }
}
