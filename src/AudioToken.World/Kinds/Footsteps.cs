using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>Footsteps: heel and toe on gravel, wood or snow; boots and the prints they leave.</summary>
internal sealed class Footsteps : WorldKind
{
    public override string Name => "footsteps";

    public override string Noun => "boots";

    public override bool Uncounted => true;

    public override IReadOnlyList<Look> Looks { get; } = [new("brown", 0x8A5630), new("red", 0xC8372F), new("yellow", 0xF0BE2A), new("blue", 0x2F62B0)];

    internal override void Sound(Track track, Draws draws)
    {
        double step = 60 / draws.Between(75, 150), limp = draws.Between(-0.05, 0.05), weight = draws.Between(70, 150), bright = draws.Between(0.6, 1.4);
        int ground = draws.Whole(0, 2), foot = 0;
        for (double at = draws.Between(0, step); at < track.Seconds; at += step * (1 + (foot % 2 == 0 ? limp : -limp)) * draws.Between(0.97, 1.03), foot++)
        {
            double level = draws.Between(0.8, 1);
            track.Add(at, Voice.Ring(weight * draws.Between(0.95, 1.05), 0.003, 0.03), 0.7 * level);
            if (ground == 1) // wood: a hollow knock
            {
                track.Add(at, Voice.Ring(weight * 3.1, 0.001, 0.02), level);
                track.Add(at, Voice.Burst(draws, 600, 3500 * bright, 0.0005, 0.006), level);
                track.Add(at + 0.09, Voice.Burst(draws, 400, 2500 * bright, 0.001, 0.01), 0.5 * level);
                continue;
            }

            // Gravel or snow: many grains, first under the heel, then under the toe.
            int grains = ground == 0 ? draws.Whole(25, 45) : draws.Whole(70, 110);
            for (int i = 0; i < grains; i++)
            {
                double when = draws.Chance(0.55) ? draws.Unit() * draws.Unit() * 0.1 : 0.1 + draws.Unit() * draws.Unit() * 0.14;
                double low = ground == 0 ? draws.Between(900, 2500) : draws.Between(500, 1200);
                track.Add(at + when, Voice.Burst(draws, low * bright, Math.Min(7000, low * bright * 3), 0.0003, ground == 0 ? 0.003 : 0.005), level * draws.Between(0.1, ground == 0 ? 0.7 : 0.35));
            }
        }
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        double flip = draws.Chance(0.5) ? 1 : -1, bend = draws.Between(0.05, 0.2);
        Colour print = Colour.Hex(0x2E2620).Alpha(stage.Snow ? 0.35 : 0.5);
        for (int i = 0; i < 7; i++)
        {
            double part = i / 6.0, near = 0.35 + 0.65 * part, y = stage.Horizon + 0.05 + (0.82 - stage.Horizon) * part * part;
            double x = 0.5 - flip * (0.34 - bend * (1 - part) * 2 - 0.08 * part) + (i % 2 == 0 ? 0.045 : -0.045) * near;
            stage.Pen.Ellipse(print, x, y, 0.04 * near, 0.052 * near, flip * 0.4);
            stage.Pen.Ellipse(print, x - flip * 0.014 * near, y + 0.066 * near, 0.027 * near, 0.022 * near);
        }

        Pen pen = stage.Near.At(0.5 + flip * draws.Between(0.06, 0.14), 0.93, draws.Between(0.5, 0.58), flip: flip);
        Boot(stage, pen.At(-0.26, -0.1, 0.9, draws.Between(0.05, 0.3)));
        Boot(stage, pen.At(0.22, 0, 1, draws.Between(-0.12, 0.02)));
    }

    private static void Boot(Stage stage, Pen pen)
    {
        Colour leather = stage.Vary(stage.Look, 0.02), dark = leather.Darker(0.3);
        pen.Blob(leather, -0.2, -0.06, -0.21, -0.4, -0.2, -0.76, 0.02, -0.8, 0.16, -0.74, 0.14, -0.4, 0.3, -0.28, 0.48, -0.16, 0.46, -0.03, 0.1, -0.02);
        pen.Pill(Colour.Hex(0x2B2320), -0.23, -0.07, 0.74, 0.1, 0.04);
        pen.Box(Colour.Hex(0x2B2320), -0.23, -0.02, 0.22, 0.1);
        pen.Pill(dark, -0.24, -0.86, 0.44, 0.14, 0.06);
        for (int i = 0; i < 4; i++)
            pen.Line(Colour.Hex(0xF3EAD0), 0.035, 0.0, -0.64 + 0.1 * i, 0.15 + 0.02 * i, -0.6 + 0.1 * i);
        pen.Curve(leather.Lighter(0.35).Alpha(0.8), 0.04, -0.13, -0.68, -0.14, -0.4, -0.12, -0.2);
    }
}
