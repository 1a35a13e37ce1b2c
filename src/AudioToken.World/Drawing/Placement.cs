using AudioToken.World.Numbers;

namespace AudioToken.World.Drawing;

/// <summary>Where a pen's own coordinates lie on the picture: x' = A x + B y + X, y' = C x + D y + Y, in pixels.</summary>
internal readonly record struct Placement(double A, double B, double X, double C, double D, double Y)
{
    public (double X, double Y) Map(double x, double y) => (A * x + B * y + X, C * x + D * y + Y);

    public (double X, double Y) Unmap(double x, double y)
    {
        double det = A * D - B * C;
        (x, y) = (x - X, y - Y);
        return ((D * x - B * y) / det, (A * y - C * x) / det);
    }

    /// <summary>A placement within this one: moved, then turned (radians, clockwise), then scaled.</summary>
    public Placement Within(double x, double y, double scaleX, double scaleY, double angle)
    {
        double c = Elementary.Cos(angle), s = Elementary.Sin(angle);
        (double originX, double originY) = Map(x, y);
        return new Placement(
            (A * c + B * s) * scaleX, (B * c - A * s) * scaleY, originX,
            (C * c + D * s) * scaleX, (D * c - C * s) * scaleY, originY);
    }
}
