using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>Birdsong: a species' motif of glides and trills, repeated with changes; birds on a branch.</summary>
internal sealed class Birdsong : WorldKind
{
    public override string Name => "birdsong";

    public override string Noun => "bird";

    public override IReadOnlyList<Look> Looks { get; } = [new("red", 0xD8433B), new("blue", 0x2F74D0), new("yellow", 0xF3C32F), new("brown", 0x8F6344)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Meadow, Place.Forest, Place.Mountains, Place.Town];

    public override int MostOfThem => 3;

    internal override void Sound(Track track, Draws draws)
    {
        int singers = draws.Chance(0.4) ? 2 : 1;
        for (int i = 0; i < singers; i++)
            Sing(track, draws, i == 0 ? 1 : draws.Between(0.15, 0.5));
        track.Echo(draws, draws.Between(0.04, 0.12), draws.Between(0, 0.35));
        double[] air = Noise.Coloured(draws, track.Samples.Length, 1500);
        track.Add(0, air, draws.Between(0.005, 0.03));
    }

    private static void Sing(Track track, Draws draws, double loudness)
    {
        double home = draws.Between(2300, 5200), pause = draws.Between(0.4, 1.6);
        int kinds = draws.Whole(2, 4);
        (double From, double To, double Seconds, double Gap, double Trill, int Times)[] motifs = new (double, double, double, double, double, int)[kinds];
        for (int i = 0; i < kinds; i++)
        {
            bool trill = draws.Chance(0.3);
            motifs[i] = (home * draws.Between(0.7, 1.35), home * draws.Between(0.7, 1.35), trill ? draws.Between(0.25, 0.6) : draws.Between(0.05, 0.2), draws.Between(0.02, 0.12),
                trill ? draws.Between(18, 45) : 0, trill ? 1 : draws.Whole(1, 8));
        }

        for (double at = draws.Between(0, 0.8); at < track.Seconds; at += pause * draws.Between(0.6, 1.6))
        {
            (double from, double to, double seconds, double gap, double trill, int times) = draws.Pick(motifs);
            double shift = draws.Between(0.95, 1.05);
            for (int i = 0; i < times; i++)
            {
                double[] note = Voice.Harmonics(seconds, part => shift * (from + (to - from) * part) * (1 + (trill > 0 ? 0.07 * Elementary.SinTurns(trill * part * seconds) : 0)), 0.9, 0.12, 0.03);
                Voice.Shape(note, part => Voice.Hill(part, 0.4));
                track.Add(at, note, loudness * draws.Between(0.7, 1));
                at += seconds + gap;
            }
        }
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        Colour bark = stage.Vary(0x6E4B35, 0.03), leaf = Backdrop.White(stage, stage.Draws.Chance(0.3) ? stage.Vary(0xF2A7BF) : stage.Vary(0x5FA447));
        double y = draws.Between(0.74, 0.82), tilt = draws.Between(-0.05, 0.05);
        stage.Pen.Taper(bark, 0.075, 0.03, -0.05, y - tilt, 0.3, y + 0.02, 0.7, y - 0.01, 1.05, y + tilt);
        for (int i = 0; i < 12; i++)
        {
            double x = draws.Unit(), side = draws.Chance(0.5) ? 1 : -1;
            stage.Pen.Ellipse(stage.Vary(leaf, 0.05), x, y + side * draws.Between(0.04, 0.07), 0.05, 0.025, draws.Between(-1, 1));
        }

        foreach (Pen pen in stage.Subjects(y - 0.02, 0.52))
            Bird(stage, pen);
    }

    private static void Bird(Stage stage, Pen pen)
    {
        Colour coat = stage.Vary(stage.Look, 0.04), belly = coat.Mix(0xFFF3DC, 0.75), beak = 0xF29A2E;
        pen.Line(Colour.Hex(0xB5651D), 0.035, -0.06, -0.14, -0.08, 0.03);
        pen.Line(Colour.Hex(0xB5651D), 0.035, 0.07, -0.14, 0.08, 0.03);
        pen.Polygon(coat.Darker(0.3), -0.3, -0.3, -0.78, -0.06, -0.7, 0.08, -0.2, -0.16);
        pen.Blob(coat, -0.42, -0.24, -0.2, -0.58, 0.12, -0.8, 0.34, -0.72, 0.4, -0.4, 0.22, -0.14, -0.1, -0.08);
        pen.Blob(belly, 0, -0.12, 0.02, -0.4, 0.24, -0.54, 0.38, -0.42, 0.22, -0.15);
        pen.Disc(coat, 0.22, -0.78, 0.23);
        pen.Blob(coat.Darker(0.25), -0.46, -0.2, -0.2, -0.52, 0.06, -0.44, -0.04, -0.22);
        double open = stage.Draws.Between(0.03, 0.09);
        pen.Polygon(beak, 0.4, -0.86, 0.66, -0.8 - open, 0.42, -0.76);
        pen.Polygon(Colour.Hex(0xD97F1E), 0.4, -0.78, 0.62, -0.74 + open, 0.38, -0.7);
        pen.Disc(Colour.White, 0.29, -0.84, 0.06);
        pen.Disc(Colour.Black, 0.305, -0.84, 0.038);
    }
}
