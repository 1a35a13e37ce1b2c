using AudioToken.World.Numbers;

namespace AudioToken.World.Drawing;

/// <summary>Draws shapes in coordinates of its own: x to the right, y down. Points are given as x, y, x, y, …</summary>
internal sealed class Pen(Canvas canvas, Placement placement, Colour light)
{
    private const int CurvePieces = 6;

    /// <summary>A pen over the whole picture, whose corners are (0, 0) and (1, 1).</summary>
    public static Pen Over(Canvas canvas, Colour light) => new(canvas, new Placement(canvas.Size, 0, 0, 0, canvas.Size, 0), light);

    /// <summary>A pen whose origin lies at a point and whose unit is <paramref name="scale"/>; negative <paramref name="flip"/> mirrors it.</summary>
    public Pen At(double x, double y, double scale, double angle = 0, double flip = 1) =>
        new(canvas, placement.Within(x, y, scale * flip, scale, angle), light);

    /// <summary>The same pen for things that shine by themselves.</summary>
    public Pen Unlit => new(canvas, placement, Colour.White);

    /// <summary>The same pen in another light.</summary>
    public Pen In(Colour other) => new(canvas, placement, other);

    public void Polygon(Paint paint, params ReadOnlySpan<double> points) => Fill(paint, [Map(points)]);

    /// <summary>A closed smooth outline through points.</summary>
    public void Blob(Paint paint, params ReadOnlySpan<double> points) => Fill(paint, [Map(Smooth(points, closed: true))]);

    public void Box(Paint paint, double x, double y, double width, double height) =>
        Polygon(paint, x, y, x + width, y, x + width, y + height, x, y + height);

    /// <summary>A box with round corners.</summary>
    public void Pill(Paint paint, double x, double y, double width, double height, double radius)
    {
        List<double> points = [];
        for (int i = 0; i < 24; i++)
        {
            double angle = 2 * Math.PI * (i + 0.5) / 24, c = Elementary.Cos(angle), s = Elementary.Sin(angle);
            points.Add((c > 0 ? x + width - radius : x + radius) + radius * c);
            points.Add((s > 0 ? y + height - radius : y + radius) + radius * s);
        }

        Fill(paint, [Map([.. points])]);
    }

    public void Disc(Paint paint, double x, double y, double radius) => Ellipse(paint, x, y, radius, radius);

    public void Ellipse(Paint paint, double x, double y, double radiusX, double radiusY, double angle = 0)
    {
        double c = Elementary.Cos(angle), s = Elementary.Sin(angle);
        Span<double> points = stackalloc double[64];
        for (int i = 0; i < 32; i++)
        {
            double turn = 2 * Math.PI * i / 32, u = radiusX * Elementary.Cos(turn), v = radiusY * Elementary.Sin(turn);
            (points[2 * i], points[2 * i + 1]) = (x + c * u - s * v, y + s * u + c * v);
        }

        Fill(paint, [Map(points)]);
    }

    /// <summary>A ring of a line's width.</summary>
    public void Ring(Paint paint, double x, double y, double radius, double width)
    {
        Span<double> points = stackalloc double[66];
        for (int i = 0; i <= 32; i++)
            (points[2 * i], points[2 * i + 1]) = (x + radius * Elementary.Cos(2 * Math.PI * i / 32), y + radius * Elementary.Sin(2 * Math.PI * i / 32));
        Line(paint, width, points);
    }

    /// <summary>Straight pieces with round joints.</summary>
    public void Line(Paint paint, double width, params ReadOnlySpan<double> points) => Stroke(paint, width, width, points);

    /// <summary>A smooth line through points.</summary>
    public void Curve(Paint paint, double width, params ReadOnlySpan<double> points) => Stroke(paint, width, width, Smooth(points, closed: false));

    /// <summary>A smooth line that goes from one width to another.</summary>
    public void Taper(Paint paint, double from, double to, params ReadOnlySpan<double> points) => Stroke(paint, from, to, Smooth(points, closed: false));

    /// <summary>Light that fades with the distance, whatever the hour.</summary>
    public void Glow(Colour colour, double x, double y, double radius) =>
        Unlit.Disc(Paint.Radial(x, y, radius, colour, colour.Alpha(0)), x, y, radius);

    private void Stroke(Paint paint, double from, double to, ReadOnlySpan<double> points)
    {
        List<double[]> outlines = [];
        int count = points.Length / 2;
        for (int i = 0; i < count; i++)
        {
            double radius = (from + (to - from) * i / Math.Max(1, count - 1)) / 2;
            double[] joint = new double[16];
            for (int k = 0; k < 8; k++)
                (joint[2 * k], joint[2 * k + 1]) = (points[2 * i] + radius * Elementary.Cos(Math.PI * k / 4), points[2 * i + 1] + radius * Elementary.Sin(Math.PI * k / 4));
            outlines.Add(Map(joint));
            if (i + 1 == count)
                break;
            double next = (from + (to - from) * (i + 1) / Math.Max(1, count - 1)) / 2;
            double dx = points[2 * i + 2] - points[2 * i], dy = points[2 * i + 3] - points[2 * i + 1], length = Math.Sqrt(dx * dx + dy * dy);
            if (length == 0)
                continue;
            (double nx, double ny) = (-dy / length, dx / length);
            outlines.Add(Map([
                points[2 * i] - nx * radius, points[2 * i + 1] - ny * radius, points[2 * i + 2] - nx * next, points[2 * i + 3] - ny * next,
                points[2 * i + 2] + nx * next, points[2 * i + 3] + ny * next, points[2 * i] + nx * radius, points[2 * i + 1] + ny * radius,
            ]));
        }

        Fill(paint, outlines);
    }

    private void Fill(Paint paint, IReadOnlyList<double[]> outlines) => canvas.Fill(outlines, paint.Under(light), placement);

    private double[] Map(ReadOnlySpan<double> points)
    {
        double[] mapped = new double[points.Length];
        for (int i = 0; i < points.Length; i += 2)
            (mapped[i], mapped[i + 1]) = placement.Map(points[i], points[i + 1]);
        return mapped;
    }

    // Catmull-Rom: the curve goes through the points; at each its direction is that from the neighbour before to the one behind.
    private static double[] Smooth(ReadOnlySpan<double> points, bool closed)
    {
        int count = points.Length / 2, pieces = closed ? count : count - 1;
        List<double> curve = new(2 * CurvePieces * count);
        for (int i = 0; i < pieces; i++)
        {
            int Index(int k) => closed ? (k + count) % count : Math.Clamp(k, 0, count - 1);
            (int a, int b, int c, int d) = (Index(i - 1), Index(i), Index(i + 1), Index(i + 2));
            for (int step = 0; step < CurvePieces; step++)
            {
                double t = (double)step / CurvePieces;
                for (int axis = 0; axis < 2; axis++)
                {
                    (double p, double q, double r, double s) = (points[2 * a + axis], points[2 * b + axis], points[2 * c + axis], points[2 * d + axis]);
                    curve.Add(q + t / 2 * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p))));
                }
            }
        }

        if (!closed)
            curve.AddRange([points[^2], points[^1]]);
        return [.. curve];
    }
}
