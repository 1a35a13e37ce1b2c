namespace AudioToken.World.Drawing;

/// <summary>A colour at each point of a pen's own coordinates.</summary>
internal readonly struct Paint
{
    private readonly Colour _first, _second;
    private readonly double _x, _y, _dx, _dy;
    private readonly bool _radial;

    private Paint(Colour first, Colour second, double x, double y, double dx, double dy, bool radial) =>
        (_first, _second, _x, _y, _dx, _dy, _radial) = (first, second, x, y, dx, dy, radial);

    public static implicit operator Paint(Colour colour) => new(colour, colour, 0, 0, 0, 0, false);

    public static implicit operator Paint(int rgb) => Colour.Hex(rgb);

    /// <summary>From one colour at a height to another at a second height.</summary>
    public static Paint Vertical(double y0, Colour first, double y1, Colour second) => new(first, second, 0, y0, 0, 1 / (y1 - y0), false);

    /// <summary>From one colour at a column to another at a second column.</summary>
    public static Paint Horizontal(double x0, Colour first, double x1, Colour second) => new(first, second, x0, 0, 1 / (x1 - x0), 0, false);

    /// <summary>From one colour in the middle to another at a distance.</summary>
    public static Paint Radial(double x, double y, double radius, Colour middle, Colour rim) => new(middle, rim, x, y, 1 / radius, 0, true);

    public Colour At(double x, double y)
    {
        double part = (x - _x) * _dx + (y - _y) * _dy;
        if (_radial)
            part = Math.Sqrt((x - _x) * (x - _x) + (y - _y) * (y - _y)) * _dx;
        return part <= 0 ? _first : part >= 1 ? _second : _first.Mix(_second, part);
    }

    public Paint Under(Colour light) => new(_first.Under(light), _second.Under(light), _x, _y, _dx, _dy, _radial);
}
