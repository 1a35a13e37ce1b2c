using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>Fire: crackles of every strength over a low flutter; flames on logs.</summary>
internal sealed class Fire : WorldKind
{
    public override string Name => "fire";

    public override IReadOnlyList<Look> Looks { get; } = [new("orange", 0xFF7A1A), new("red", 0xF0401E), new("yellow", 0xFFB020)];

    public override int MostOfThem => 3;

    internal override void Sound(Track track, Draws draws)
    {
        int length = track.Samples.Length;
        double[] roar = Noise.Band(draws, length, 40, draws.Between(180, 500)), flutter = Noise.Wander(draws, length, draws.Between(6, 14));
        for (int n = 0; n < length; n++)
            roar[n] *= 0.5 + 0.5 * flutter[n];
        track.Add(0, roar, draws.Between(0.1, 0.3));
        track.Add(0, Noise.Band(draws, length, 1500, 6000), draws.Between(0.008, 0.03));
        double rate = draws.Between(8, 40), size = draws.Between(0.7, 1.6);
        double[] mood = Noise.Wander(draws, length, 0.8);
        for (double at = 0; at < track.Seconds; at += draws.Unit() * draws.Unit() * 4 / (rate * (1.2 + mood[Math.Min(length - 1, Track.Count(at))])))
        {
            double u = draws.Unit(), strength = u * u * u * u * u;
            double low = draws.Between(400, 1500) / size;
            track.Add(at, Voice.Burst(draws, low, Math.Min(7000, low * draws.Between(2, 5)), 0.0003, draws.Between(0.0008, 0.004) * size), 0.15 + 3 * strength);
        }
    }

    internal override void Subject(Stage stage)
    {
        foreach (Pen pen in stage.Subjects(0.88, 0.5))
            Campfire(stage, pen);
    }

    private static void Campfire(Stage stage, Pen pen)
    {
        Draws draws = stage.Draws;
        pen.Glow(Colour.Hex(0xFFA040).Alpha(stage.Hour.Dark ? 0.6 : 0.35), 0, -0.4, 1);
        for (int i = 0; i < 7; i++)
            pen.Ellipse(stage.Vary(0x85808A, 0.06), (i - 3) * 0.15, 0.02 + (i % 2 == 0 ? 0 : 0.03), 0.09, 0.06);
        Pen bright = pen.Unlit;
        Colour outer = stage.Vary(stage.Look, 0.03), middle = outer.Mix(0xFFC23A, 0.6), inner = 0xFFF0A8;
        for (int i = 0; i < 5; i++)
            Flame(bright, draws, outer, (i - 2) * 0.15, 0.2, 0.62 - 0.13 * Math.Abs(i - 2));
        Flame(bright, draws, outer, 0, 0.32, 1);
        Flame(bright, draws, middle, -0.1, 0.17, 0.5);
        Flame(bright, draws, middle, 0.12, 0.17, 0.56);
        Flame(bright, draws, middle, 0, 0.22, 0.7);
        Flame(bright, draws, inner, 0, 0.13, 0.4);
        pen.Line(stage.Vary(0x6A4128, 0.03), 0.12, -0.4, -0.02, 0.34, -0.14);
        pen.Line(stage.Vary(0x7C4E30, 0.03), 0.12, 0.4, -0.02, -0.34, -0.14);
        pen.Disc(Colour.Hex(0xD9A877), -0.41, -0.02, 0.05);
        pen.Disc(Colour.Hex(0xD9A877), 0.41, -0.02, 0.05);
        int sparks = draws.Whole(5, 12);
        for (int i = 0; i < sparks; i++)
            bright.Disc(Colour.Hex(0xFFD060), draws.Between(-0.4, 0.4), -draws.Between(0.7, 1.3), draws.Between(0.01, 0.025));
    }

    private static void Flame(Pen pen, Draws draws, Colour colour, double x, double half, double height)
    {
        double lean = draws.Between(-0.12, 0.12), tip = height * draws.Between(0.85, 1.1);
        pen.Blob(colour, x - half, -0.16, x - half * 0.9, -0.3 * height, x - half * 0.25 + lean * 0.4, -0.62 * tip, x + lean, -tip, x + half * 0.45 + lean * 0.3, -0.55 * tip, x + half * 0.95, -0.28 * height, x + half, -0.12, x, -0.02);
    }
}
