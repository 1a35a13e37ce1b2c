using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>A clock: tick and tock in the wood of a case; a round dial on a post.</summary>
internal sealed class Clock : WorldKind
{
    public override string Name => "clock";

    public override IReadOnlyList<Look> Looks { get; } = [new("black", 0x2E3138), new("green", 0x2F7A55), new("red", 0xB5362F), new("golden", 0xD9A436)];

    internal override void Sound(Track track, Draws draws)
    {
        double beat = draws.Pick((double[])[0.25, 0.4, 0.5, 0.5, 1]) * draws.Between(0.95, 1.05), limp = draws.Between(-0.06, 0.06);
        double wood = draws.Between(350, 1100), tick = draws.Between(1800, 3600), tock = tick * draws.Between(0.75, 0.95), sharp = draws.Between(0.002, 0.006);
        int swing = 0;
        for (double at = draws.Between(0, beat); at < track.Seconds; at += beat * (1 + (swing % 2 == 0 ? limp : -limp)), swing++)
        {
            double hz = swing % 2 == 0 ? tick : tock;
            track.Add(at, Voice.Burst(draws, 800, 6000, 0.0002, 0.0015), 0.6);
            track.Add(at, Voice.Ring(hz, 0.0002, sharp), 1);
            track.Add(at, Voice.Ring(hz * 1.73, 0.0002, sharp * 0.6), 0.5);
            track.Add(at + 0.002, Voice.Ring(wood * (swing % 2 == 0 ? 1 : 0.93), 0.001, 0.012), 0.6);
            track.Add(at + draws.Between(0.018, 0.03), Voice.Ring(hz * 0.9, 0.0002, sharp), 0.25); // the wheel drops onto the pallet
        }
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        Colour iron = stage.Vary(stage.Look, 0.02), dark = iron.Darker(0.3);
        Pen pen = stage.Near.At(draws.Between(0.42, 0.58), draws.Between(0.38, 0.44), draws.Between(0.29, 0.34));
        pen.Box(Drawing.Paint.Horizontal(-0.1, iron, 0.12, dark), -0.1, 0.8, 0.2, 2);
        pen.Box(dark, -0.17, 1.02, 0.34, 0.09);
        pen.Polygon(iron, -0.35, -0.98, 0.35, -0.98, 0, -1.28);
        pen.Disc(iron, 0, 0, 1.1);
        pen.Disc(dark, 0, 0, 0.97);
        Pen dial = stage.Hour.Dark ? pen.In(Colour.White.Mix(stage.Hour.Light, 0.15)) : pen; // lit from within
        dial.Disc(Colour.Hex(0xFBF6E4), 0, 0, 0.92);
        for (int hour = 0; hour < 12; hour++)
        {
            (double sin, double cos) = (Elementary.SinTurns(hour / 12.0), Elementary.SinTurns(hour / 12.0 + 0.25));
            double from = hour % 3 == 0 ? 0.68 : 0.76;
            dial.Line(Colour.Hex(0x2A2622), hour % 3 == 0 ? 0.09 : 0.05, from * sin, -from * cos, 0.84 * sin, -0.84 * cos);
        }

        double time = draws.Unit() * 12;
        Hand(dial, time / 12, 0.5, 0.11);
        Hand(dial, time - Math.Floor(time), 0.76, 0.075);
        dial.Disc(Colour.Hex(0xC0392B), 0, 0, 0.08);
    }

    private static void Hand(Pen pen, double turn, double length, double width)
    {
        (double sin, double cos) = (Elementary.SinTurns(turn), Elementary.SinTurns(turn + 0.25));
        pen.Taper(Colour.Hex(0x211E1B), width, width * 0.4, -0.14 * sin, 0.14 * cos, length * sin, -length * cos);
    }
}
