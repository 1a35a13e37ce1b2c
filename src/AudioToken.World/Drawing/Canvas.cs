using AudioToken.Pipelines.Imaging;

namespace AudioToken.World.Drawing;

/// <summary>A square picture onto which closed outlines are filled, anti-aliased.</summary>
/// <remarks>Each pixel row is cut into <see cref="Cuts"/> scan lines; along a line the coverage is exact. Additions, products and square roots only: the same pixels
/// on every machine.</remarks>
internal sealed class Canvas(int size)
{
    private const int Cuts = 4;

    private readonly double[] _rgb = new double[3 * size * size];
    private readonly double[] _coverage = new double[size];
    private readonly List<(double X, int Winding)> _crossings = [];

    public int Size => size;

    /// <summary>Fills outlines by the non-zero rule.</summary>
    /// <param name="outlines">Closed polygons in pixels, x and y in turn; all wound the same way if they are to unite.</param>
    /// <param name="paint">Colour in the coordinates of <paramref name="placement"/>.</param>
    /// <param name="placement">Maps the paint's coordinates to pixels.</param>
    public void Fill(IReadOnlyList<double[]> outlines, Paint paint, Placement placement)
    {
        double top = double.MaxValue, bottom = double.MinValue;
        foreach (double[] outline in outlines)
        {
            for (int i = 1; i < outline.Length; i += 2)
                (top, bottom) = (Math.Min(top, outline[i]), Math.Max(bottom, outline[i]));
        }

        int last = (int)Math.Min(size - 1, Math.Floor(bottom));
        for (int y = (int)Math.Max(0, Math.Floor(top)); y <= last; y++)
        {
            Array.Clear(_coverage);
            for (int cut = 0; cut < Cuts; cut++)
                Scan(outlines, y + (cut + 0.5) / Cuts);
            Blend(y, paint, placement);
        }
    }

    /// <summary>The picture, each channel rounded to a byte.</summary>
    public ImageBuffer ToImage()
    {
        byte[] bytes = new byte[_rgb.Length];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)Math.Floor(Math.Clamp(_rgb[i], 0, 1) * 255 + 0.5);
        return new ImageBuffer(size, size, bytes);
    }

    private void Scan(IReadOnlyList<double[]> outlines, double y)
    {
        _crossings.Clear();
        foreach (double[] outline in outlines)
        {
            (double x0, double y0) = (outline[^2], outline[^1]);
            for (int i = 0; i < outline.Length; i += 2)
            {
                (double x1, double y1) = (outline[i], outline[i + 1]);
                if (y0 <= y != y1 <= y)
                    _crossings.Add((x0 + (y - y0) / (y1 - y0) * (x1 - x0), y1 > y0 ? 1 : -1));
                (x0, y0) = (x1, y1);
            }
        }

        _crossings.Sort(static (a, b) => a.X.CompareTo(b.X));
        int winding = 0;
        for (int i = 0; i + 1 < _crossings.Count; i++)
        {
            winding += _crossings[i].Winding;
            if (winding != 0)
                Cover(_crossings[i].X, _crossings[i + 1].X);
        }
    }

    private void Cover(double from, double to)
    {
        (from, to) = (Math.Max(from, 0), Math.Min(to, size));
        for (int x = (int)from; x < to; x++)
            _coverage[x] += (Math.Min(to, x + 1) - Math.Max(from, x)) / Cuts;
    }

    private void Blend(int y, Paint paint, Placement placement)
    {
        for (int x = 0; x < size; x++)
        {
            if (_coverage[x] <= 0)
                continue;
            (double u, double v) = placement.Unmap(x + 0.5, y + 0.5);
            Colour colour = paint.At(u, v);
            double part = Math.Min(1, _coverage[x]) * colour.A;
            Span<double> pixel = _rgb.AsSpan(3 * (y * size + x), 3);
            pixel[0] += part * (colour.R - pixel[0]);
            pixel[1] += part * (colour.G - pixel[1]);
            pixel[2] += part * (colour.B - pixel[2]);
        }
    }
}
