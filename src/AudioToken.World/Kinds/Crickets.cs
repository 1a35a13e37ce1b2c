using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>Crickets: chirps of a few pulses of a high pure tone; an insect among blades of grass.</summary>
internal sealed class Crickets : WorldKind
{
    public override string Name => "crickets";

    public override string Noun => "cricket";

    public override IReadOnlyList<Look> Looks { get; } = [new("green", 0x7CC63C), new("brown", 0xA8743A), new("black", 0x3A3A40)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Meadow, Place.Forest, Place.Mountains];

    public override int MostOfThem => 2;

    internal override void Sound(Track track, Draws draws)
    {
        int singers = draws.Whole(1, 4);
        for (int i = 0; i < singers; i++)
        {
            double carrier = draws.Between(3600, 5400), pulseRate = draws.Between(28, 70), chirpRate = draws.Between(1.2, 4), loudness = i == 0 ? 1 : draws.Between(0.1, 0.6);
            int pulses = draws.Chance(0.2) ? 400 : draws.Whole(2, 6); // some trill without end
            double pulse = 0.7 / pulseRate;
            double[] tone = Voice.Shape(Voice.Harmonics(pulse, _ => carrier, 1, 0.05), part => Voice.Hill(part, 0.35));
            double chirp = Math.Max(1 / chirpRate, (pulses + 1.5) / pulseRate);
            for (double at = draws.Between(-1, 0.3); at < track.Seconds; at += chirp * draws.Between(0.96, 1.04))
            {
                for (int k = 0; k < pulses; k++)
                    track.Add(at + k / pulseRate, tone, loudness * (0.6 + 0.4 * Math.Min(1, (k + 1) / 3.0)));
            }
        }

        track.Add(0, Noise.Coloured(draws, track.Samples.Length, 400), draws.Between(0.01, 0.06));
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        Colour grass = Backdrop.White(stage, Colour.Hex(0x3F8A35)).Mix(0x3F8A35, 0.4);
        Blades(stage, grass, 16);
        foreach (Pen pen in stage.Subjects(draws.Between(0.8, 0.86), 0.56))
            Cricket(stage, pen);
        Blades(stage, grass.Lighter(0.12), 9);
    }

    private static void Blades(Stage stage, Colour grass, int count)
    {
        for (int i = 0; i < count; i++)
        {
            double x = (i + stage.Draws.Unit()) / count, height = stage.Draws.Between(0.12, 0.34) * (count < 12 ? 0.55 : 1.2), lean = stage.Draws.Between(-0.12, 0.12);
            stage.Pen.Taper(stage.Vary(grass, 0.05), 0.045, 0.006, x, 1.02, x + lean * 0.3, 1 - height * 0.6, x + lean, 1 - height);
        }
    }

    private static void Cricket(Stage stage, Pen pen)
    {
        Colour body = stage.Vary(stage.Look, 0.03), dark = body.Darker(0.3), light = body.Lighter(0.25);
        pen.Curve(dark, 0.022, 0.5, -0.46, 0.66, -0.74, 0.9, -0.86);
        pen.Curve(dark, 0.022, 0.46, -0.46, 0.5, -0.8, 0.7, -0.98);
        foreach (double x in (double[])[0.1, 0.3])
            pen.Line(dark, 0.035, x, -0.24, x + 0.1, -0.08, x + 0.06, 0.04, x + 0.14, 0.05);
        pen.Blob(body, -0.72, -0.26, -0.4, -0.42, 0.1, -0.46, 0.36, -0.42, 0.36, -0.2, 0, -0.14, -0.4, -0.16);
        pen.Blob(light, -0.78, -0.36, -0.4, -0.47, 0.16, -0.47, 0.1, -0.32, -0.4, -0.3);
        pen.Disc(body, 0.45, -0.36, 0.16);
        pen.Disc(Colour.White, 0.51, -0.41, 0.055);
        pen.Disc(Colour.Black, 0.525, -0.41, 0.034);
        pen.Taper(dark, 0.14, 0.05, -0.02, -0.24, -0.2, -0.55, -0.34, -0.78); // the long hind leg: up, then down
        pen.Line(dark, 0.05, -0.34, -0.78, -0.62, -0.02, -0.48, 0.05);
    }
}
