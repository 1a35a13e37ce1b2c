using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>Wind: noise through resonances that wander; a bent tree, flying leaves and curls of air.</summary>
internal sealed class Wind : WorldKind
{
    public override string Name => "wind";

    public override bool Uncounted => true;

    public override IReadOnlyList<Look> Looks { get; } = [new("summer", 0x4E9A3F), new("autumn", 0xD9792B), new("spring", 0xF2A0B9)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Meadow, Place.Beach, Place.Mountains, Place.Desert];

    internal override void Sound(Track track, Draws draws)
    {
        int length = track.Samples.Length, whistles = draws.Whole(1, 3);
        for (int i = 0; i < whistles; i++)
        {
            double middle = draws.Between(220, 900), spread = draws.Between(0.2, 0.5), q = draws.Between(4, 14), turns = draws.Between(0.25, 0.8);
            double[] wander = Noise.Wander(draws, length, turns);
            double[] howl = Filter.Resonate(Noise.White(draws, length), n => middle * (1 + spread * wander[n]), q);
            for (int n = 0; n < length; n++)
                howl[n] *= 0.15 + 0.85 * (wander[n] + 1) * (wander[n] + 1) / 4; // a gust is louder and higher at once
            track.Add(0, Filter.Level(howl, 0.3));
        }

        double[] roar = Noise.Coloured(draws, length, draws.Between(80, 300)), gusts = Noise.Wander(draws, length, draws.Between(0.3, 1));
        for (int n = 0; n < length; n++)
            roar[n] *= 0.4 + 0.6 * Math.Abs(gusts[n]);
        track.Add(0, roar, draws.Between(0.2, 0.7));
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        double flip = draws.Chance(0.5) ? 1 : -1;
        Pen pen = stage.Near.At(0.5 - flip * draws.Between(0.12, 0.24), draws.Between(0.84, 0.92), draws.Between(0.62, 0.72), flip: flip);
        Colour leaf = Backdrop.White(stage, Colour.White) == Colour.White ? stage.Look : stage.Look.Mix(Colour.White, 0.35), trunk = stage.Vary(0x6B4A33, 0.03);
        pen.Taper(trunk, 0.13, 0.06, 0, 0, 0.02, -0.3, 0.14, -0.56, 0.34, -0.74);
        pen.Taper(trunk, 0.06, 0.03, 0.06, -0.42, 0.2, -0.5, 0.4, -0.5);
        // The crown streams to leeward: puffs ever smaller.
        for (int i = 0; i < 11; i++)
        {
            double part = i / 10.0;
            pen.Ellipse(stage.Vary(leaf, 0.05).Darker(0.18 - 0.18 * (i % 3) / 2), 0.16 + 0.52 * part, -0.8 + 0.14 * part + draws.Between(-0.11, 0.11), 0.2 - 0.08 * part, 0.13 - 0.06 * part, -0.15);
        }

        int leaves = draws.Whole(14, 24);
        for (int i = 0; i < leaves; i++)
            pen.Ellipse(stage.Vary(leaf, 0.08), draws.Between(0.3, 1.3), draws.Between(-1.05, -0.1), 0.036, 0.018, draws.Between(-0.9, 0.9));
        int curls = draws.Whole(3, 5);
        for (int i = 0; i < curls; i++)
            Curl(stage, flip, draws.Between(0.1, 0.5), (i + draws.Between(0.3, 0.7)) / curls * 0.72 + 0.06, draws.Between(0.3, 0.46));
    }

    private static void Curl(Stage stage, double flip, double x, double y, double size)
    {
        Pen pen = stage.Pen.Unlit.At(flip > 0 ? x : 1 - x, y, size, flip: flip);
        Colour air = Colour.White.Alpha(0.85).Mix(stage.Hour.Light.Alpha(0.85), 0.4);
        pen.Curve(air, 0.045, -0.35, 0.1, 0.1, 0.04, 0.55, 0.06, 0.85, 0.02, 0.98, -0.14, 0.86, -0.28, 0.7, -0.2, 0.76, -0.09);
    }
}
