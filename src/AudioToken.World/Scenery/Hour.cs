using AudioToken.World.Drawing;
using AudioToken.World.Numbers;

namespace AudioToken.World.Scenery;

/// <summary>The light of a time of day.</summary>
/// <param name="Top">Sky overhead.</param>
/// <param name="Bottom">Sky at the horizon.</param>
/// <param name="Light">What everything lit is multiplied by.</param>
/// <param name="Dark">True if lamps are on.</param>
internal sealed record Hour(Colour Top, Colour Bottom, Colour Light, bool Dark)
{
    public static Hour Of(TimeOfDay time, Draws draws)
    {
        double a = draws.Unit(), b = draws.Unit();
        return time switch
        {
            TimeOfDay.Dawn => new(Mix(0x6F9FD0, 0x8FA8DC, a), Mix(0xFFD9B0, 0xFFC4C0, b), new(0.98, 0.90, 0.86), false),
            TimeOfDay.Day => new(Mix(0x2F86DC, 0x55A8EE, a), Mix(0xBFE4FA, 0xDDF2FF, b), Colour.White, false),
            TimeOfDay.Dusk => new(Mix(0x43357A, 0x6A3F84, a), Mix(0xFF8E48, 0xFF6E5A, b), new(0.84, 0.66, 0.66), false),
            _ => new(Mix(0x070D28, 0x0E1638, a), Mix(0x22386A, 0x342F6E, b), new(0.50, 0.56, 0.78), true),
        };
    }

    private static Colour Mix(int first, int second, double part) => Colour.Hex(first).Mix(second, part);
}
