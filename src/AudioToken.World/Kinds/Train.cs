using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>A steam train: chuffs four to a turn, rail joints, a whistle of three notes; a locomotive under its plume.</summary>
internal sealed class Train : WorldKind
{
    public override string Name => "train";

    public override IReadOnlyList<Look> Looks { get; } = [new("black", 0x34363D), new("red", 0xB2302C), new("green", 0x2C6E49), new("blue", 0x2B4F96)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Meadow, Place.Forest, Place.Mountains, Place.Desert];

    internal override void Sound(Track track, Draws draws)
    {
        double rate = draws.Between(2.5, 8), gather = draws.Between(-0.02, 0.08), brightness = draws.Between(1200, 3500), accent = draws.Between(1, 1.8);
        int chuff = 0;
        for (double at = draws.Between(0, 0.3); at < track.Seconds; at += 1 / rate, chuff++)
        {
            rate = Math.Clamp(rate * (1 + gather / 4), 2, 10);
            double[] puff = Voice.Burst(draws, 150, brightness, 0.012, Math.Min(0.08, 0.3 / rate));
            track.Add(at, puff, chuff % 4 == 0 ? accent : 1);
        }

        double joints = draws.Between(0.5, 1.2), clunk = draws.Between(120, 260);
        for (double at = draws.Unit(); at < track.Seconds; at += joints)
        {
            foreach (double beat in (double[])[0, 0.11, 0.3, 0.41])
            {
                track.Add(at + beat * joints, Voice.Ring(clunk * draws.Between(0.97, 1.03), 0.001, 0.04), 0.35);
                track.Add(at + beat * joints, Voice.Burst(draws, 1500, 4500, 0.0005, 0.012), 0.25);
            }
        }

        track.Add(0, Noise.Coloured(draws, track.Samples.Length, 250), draws.Between(0.05, 0.2));
        if (draws.Chance(0.65))
            Whistle(track, draws, draws.Between(0.1, 0.6) * track.Seconds, draws.Between(330, 620));
    }

    private static void Whistle(Track track, Draws draws, double at, double root)
    {
        double seconds = draws.Between(0.8, 1.8);
        foreach (double ratio in (double[])[1, 1.26, 1.5])
        {
            double[] pipe = Voice.Harmonics(seconds, part => root * ratio * (1 - 0.06 * Elementary.Exp(-part * 20)), 0.5, 0.3, 0.12, 0.06);
            track.Add(at, Voice.Shape(pipe, part => Math.Min(1, Math.Min(part, 1 - part) * 12)), 0.8);
        }

        double[] steam = Noise.Band(draws, Track.Count(seconds), 1500, 5000);
        track.Add(at, Voice.Shape(steam, part => Math.Min(1, Math.Min(part, 1 - part) * 12)), 0.3);
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        double rail = draws.Between(0.83, 0.88);
        stage.Pen.Box(stage.Vary(0x8A7B6C, 0.03), 0, rail, 1, 0.07);
        for (double x = draws.Between(-0.05, 0); x < 1; x += 0.07)
            stage.Pen.Box(Colour.Hex(0x5A4432), x, rail + 0.012, 0.035, 0.035);
        stage.Pen.Line(Colour.Hex(0xC9CDD3), 0.014, -0.05, rail + 0.01, 1.05, rail + 0.01);
        double flip = draws.Chance(0.5) ? 1 : -1, x0 = 0.5 + flip * draws.Between(0.08, 0.16);
        Pen pen = stage.Near.At(x0, rail, draws.Between(0.4, 0.46), flip: flip);
        for (int i = 8; i >= 0; i--)
            pen.Disc(Colour.Hex(0xF1F1F1).Darker(0.05 * draws.Unit()).Alpha(0.95 - 0.05 * i), 0.5 - 0.22 * i, -1.08 - 0.07 * i - draws.Between(0, 0.06), 0.12 + 0.025 * i);
        Waggon(stage, pen.At(-1.5, 0, 1));
        Locomotive(stage, pen);
    }

    private static void Locomotive(Stage stage, Pen pen)
    {
        Colour body = stage.Vary(stage.Look, 0.02), dark = body.Darker(0.35);
        pen.Polygon(Colour.Hex(0xB03A2E), 0.7, -0.3, 0.98, 0, 0.66, 0);
        pen.Box(dark, -0.82, -0.36, 1.6, 0.18);
        pen.Pill(Drawing.Paint.Vertical(-0.82, body.Lighter(0.3), -0.32, dark), -0.4, -0.8, 1.16, 0.5, 0.1);
        pen.Box(body, -0.84, -0.98, 0.5, 0.68);
        pen.Box(dark, -0.92, -1.06, 0.66, 0.1);
        pen.Box(stage.Hour.Dark ? Colour.Hex(0xFFD977).Lighter(0.3) : Colour.Hex(0xCDE6F0), -0.72, -0.88, 0.24, 0.24);
        pen.Polygon(dark, 0.42, -0.78, 0.58, -0.78, 0.62, -1.08, 0.38, -1.08);
        pen.Pill(Colour.Hex(0xE0B040), 0.02, -0.92, 0.2, 0.18, 0.08);
        foreach (double x in (double[])[-0.1, 0.3, 0.68])
            pen.Line(Colour.Hex(0xE0B040), 0.03, x, -0.79, x, -0.33);
        pen.Unlit.Disc(Colour.Hex(0xFFF0A8), 0.78, -0.62, 0.08);
        foreach ((double x, double radius) in ((double, double)[])[(-0.56, 0.22), (-0.06, 0.22), (0.38, 0.14), (0.66, 0.14)])
        {
            pen.Disc(Colour.Hex(0x2A2A2E), x, -radius, radius);
            pen.Disc(Colour.Hex(0xC0392B), x, -radius, radius * 0.72);
            pen.Disc(Colour.Hex(0xD9C27A), x, -radius, radius * 0.25);
        }

        pen.Line(Colour.Hex(0xD5D8DC), 0.05, -0.56, -0.16, -0.06, -0.16);
    }

    private static void Waggon(Stage stage, Pen pen)
    {
        Colour body = stage.Vary(stage.Draws.Pick((Colour[])[0xB5543C, 0xC99A3D, 0x4A7A5A, 0x54688F]), 0.04);
        pen.Box(Colour.Hex(0x3A3A40), 0.5, -0.28, 0.3, 0.06);
        pen.Pill(body, -0.6, -0.88, 1.15, 0.68, 0.06);
        pen.Pill(Colour.Hex(0x4A4A50), -0.66, -0.95, 1.27, 0.12, 0.06);
        for (int i = 0; i < 3; i++)
            pen.Box(stage.Hour.Dark ? Colour.Hex(0xFFD977).Lighter(0.3) : Colour.Hex(0xCDE6F0), -0.48 + 0.36 * i, -0.74, 0.22, 0.24);
        pen.Disc(Colour.Hex(0x2A2A2E), -0.36, -0.13, 0.13);
        pen.Disc(Colour.Hex(0x2A2A2E), 0.32, -0.13, 0.13);
    }
}
