namespace AudioToken.World.Drawing;

/// <summary>Red, green, blue and opacity, each 0 to 1, as the picture's bytes mean them (sRGB).</summary>
internal readonly record struct Colour(double R, double G, double B, double A = 1)
{
    public static Colour White { get; } = new(1, 1, 1);

    public static Colour Black { get; } = new(0, 0, 0);

    public static Colour Hex(int rgb) => new((rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0);

    public static implicit operator Colour(int rgb) => Hex(rgb);

    public Colour Alpha(double alpha) => this with { A = alpha };

    public Colour Mix(Colour other, double part) =>
        new(R + (other.R - R) * part, G + (other.G - G) * part, B + (other.B - B) * part, A + (other.A - A) * part);

    public Colour Darker(double part) => Mix(Black.Alpha(A), part);

    public Colour Lighter(double part) => Mix(White.Alpha(A), part);

    /// <summary>Seen in a light of this colour.</summary>
    public Colour Under(Colour light) => new(R * light.R, G * light.G, B * light.B, A);
}
