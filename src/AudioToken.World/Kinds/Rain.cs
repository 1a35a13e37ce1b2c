using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>Rain: a bed of noise and hundreds of drops; streaks, puddles and an umbrella.</summary>
internal sealed class Rain : WorldKind
{
    private static readonly Colour[] s_umbrellas = [0xE8483F, 0xF2B632, 0x3E7CD6, 0x3FA66B, 0xC9529B, 0xF07C2E];

    public override string Name => "rain";

    public override bool Uncounted => true;

    public override IReadOnlyList<Look> Looks { get; } = [new("light", 0xA9B7C6), new("heavy", 0x7C8A9B), new("cold", 0x7F9CCB)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Meadow, Place.Beach, Place.Forest, Place.Town];

    public override IReadOnlyList<Weather> Weathers { get; } = [Weather.Clear];

    internal override void Sound(Track track, Draws draws)
    {
        double[] bed = Noise.Band(draws, track.Samples.Length, draws.Between(300, 1500), draws.Between(3000, 7500));
        double[] gusts = Noise.Wander(draws, bed.Length, draws.Between(0.2, 0.8));
        double sway = draws.Between(0.05, 0.35);
        for (int n = 0; n < bed.Length; n++)
            bed[n] *= 1 + sway * gusts[n];
        track.Add(0, bed, draws.Between(0.25, 0.7));

        double rate = draws.Between(40, 260), low = draws.Between(900, 2200), high = low * draws.Between(1.6, 3);
        for (double at = 0; at < track.Seconds; at += draws.Between(0, 2) / rate)
        {
            double strength = draws.Unit();
            track.Add(at, Voice.Ring(Math.Min(7000, draws.Between(low, high)), 0.0002, draws.Between(0.002, 0.008), draws.Between(-0.3, 0.3)), 0.1 + 1.2 * strength * strength * strength * strength);
        }

        if (draws.Chance(0.4)) // a gutter that drips
        {
            double pitch = draws.Between(500, 1200), pause = draws.Between(0.3, 0.9);
            for (double at = draws.Between(0, pause); at < track.Seconds; at += pause * draws.Between(0.9, 1.1))
                track.Add(at, Voice.Ring(pitch * draws.Between(0.9, 1.15), 0.001, 0.03, 0.4), 0.8);
        }
    }

    internal override void Paint(Stage stage)
    {
        stage.Surroundings();
        Pen air = stage.Pen.Unlit;
        air.Box(stage.Look.Darker(0.3).Under(stage.Hour.Light).Alpha(0.6), 0, 0, 1, 1);
        for (int i = 0; i < 6; i++)
            Sky.Cloud(stage, stage.Vary(0x76839A, 0.03), (i + stage.Draws.Unit()) / 6, stage.Draws.Between(0.02, 0.14), stage.Draws.Between(0.16, 0.24));
        for (int i = 0; i < 5; i++)
            Puddle(stage, stage.Draws.Unit(), stage.Draws.Between(stage.Horizon + 0.1, 0.97));
        Subject(stage);
        double slant = stage.Draws.Between(-0.35, 0.35);
        int streaks = stage.Scene.Look == 1 ? stage.Draws.Whole(110, 150) : stage.Draws.Whole(60, 90);
        for (int i = 0; i < streaks; i++)
        {
            double x = stage.Draws.Between(-0.1, 1.1), y = stage.Draws.Between(0.05, 1), length = stage.Draws.Between(0.05, 0.12);
            air.Line(Colour.Hex(0xE4F0FF).Alpha(stage.Draws.Between(0.4, 0.75)), stage.Draws.Between(0.004, 0.008), x, y, x + slant * length, y + length);
        }
    }

    internal override void Subject(Stage stage)
    {
        Colour cloth = stage.Draws.Pick(s_umbrellas), coat = stage.Vary(0x3B4A66, 0.1);
        Pen pen = stage.Near.At(stage.Draws.Between(0.3, 0.7), stage.Draws.Between(0.88, 0.94), stage.Draws.Between(0.46, 0.56), flip: stage.Draws.Chance(0.5) ? 1 : -1);
        pen.Ellipse(Colour.Black.Alpha(0.25), 0, 0, 0.3, 0.05);
        pen.Line(Colour.Hex(0x2A2D3A), 0.09, -0.07, -0.02, -0.06, -0.25);
        pen.Line(Colour.Hex(0x2A2D3A), 0.09, 0.09, -0.02, 0.06, -0.25);
        pen.Blob(coat, -0.17, -0.2, 0.17, -0.2, 0.13, -0.6, -0.13, -0.6);
        pen.Disc(Colour.Hex(0xE6B48E), 0, -0.69, 0.1);
        pen.Line(Colour.Hex(0x3A2A22), 0.025, 0.14, -0.42, 0.14, -1.12);
        pen.Polygon(cloth, Dome());
        pen.Polygon(cloth.Darker(0.22), 0.14, -1.16, 0.5, -0.72, 0.32, -0.79, 0.14, -0.72);
        pen.Polygon(cloth.Lighter(0.2), 0.14, -1.16, -0.22, -0.72, -0.04, -0.79, 0.14, -0.72);
    }

    private static double[] Dome()
    {
        List<double> points = [];
        for (int i = 0; i <= 16; i++)
            points.AddRange([0.14 - 0.6 * Elementary.Cos(Math.PI * i / 16), -0.72 - 0.44 * Elementary.Sin(Math.PI * i / 16)]);
        for (int i = 0; i < 4; i++)
            points.AddRange([0.14 + 0.6 - 0.15 - 0.3 * i, -0.79, 0.14 + 0.6 - 0.3 - 0.3 * i, -0.72]);
        return [.. points];
    }

    private static void Puddle(Stage stage, double x, double y)
    {
        double width = stage.Draws.Between(0.07, 0.14);
        stage.Pen.Ellipse(Colour.Hex(0x9FB4C8).Alpha(0.7), x, y, width, width * 0.28);
        stage.Pen.Ellipse(Colour.Hex(0xDCE8F2).Alpha(0.6), x, y, width * 0.55, width * 0.13);
        stage.Pen.Ellipse(Colour.Hex(0x9FB4C8), x, y, width * 0.42, width * 0.09);
    }
}
