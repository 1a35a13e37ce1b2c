using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>Frogs: trains of pulses in a throat; a frog on a lily pad.</summary>
internal sealed class Frog : WorldKind
{
    public override string Name => "frog";

    public override IReadOnlyList<Look> Looks { get; } = [new("green", 0x5DB63B), new("yellow", 0xD9C436), new("brown", 0x9A7B42)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Meadow, Place.Forest, Place.Mountains];

    public override int MostOfThem => 2;

    internal override void Sound(Track track, Draws draws)
    {
        int frogs = draws.Whole(1, 3);
        for (int i = 0; i < frogs; i++)
        {
            double throat = draws.Between(450, 1400), pulseRate = draws.Between(18, 60), seconds = draws.Between(0.2, 0.8), pause = draws.Between(0.5, 1.6), loudness = i == 0 ? 1 : draws.Between(0.2, 0.6);
            double rise = draws.Between(-0.1, 0.4);
            for (double at = draws.Between(0, pause); at < track.Seconds; at += seconds + pause * draws.Between(0.8, 1.3))
                track.Add(at, Croak(draws, throat, pulseRate * draws.Between(0.95, 1.05), seconds * draws.Between(0.85, 1.15), rise), loudness);
        }

        double[] water = Noise.Band(draws, track.Samples.Length, 300, 1800), ripple = Noise.Wander(draws, track.Samples.Length, 5);
        for (int n = 0; n < water.Length; n++)
            water[n] *= Math.Max(0, ripple[n]);
        track.Add(0, water, draws.Between(0.005, 0.04));
    }

    private static double[] Croak(Draws draws, double throat, double pulseRate, double seconds, double rise)
    {
        Track croak = new(Track.Count(seconds + 0.1));
        for (double at = 0; at < seconds; at += 1 / pulseRate)
        {
            double part = at / seconds, pitch = throat * (1 + rise * part), level = Voice.Hill(Math.Min(0.999, part + 0.02), 0.6);
            croak.Add(at, Voice.Ring(pitch * draws.Between(0.99, 1.01), 0.001, 0.25 / pulseRate), level);
            croak.Add(at, Voice.Ring(pitch * 2.1, 0.001, 0.15 / pulseRate), level * 0.4);
        }

        return croak.Samples;
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        stage.Pen.Blob(Drawing.Paint.Vertical(0.68, stage.Vary(0x4F9FB8, 0.04), 1, stage.Vary(0x2B6C86, 0.04)), -0.1, 0.76, 0.3, 0.69, 0.7, 0.7, 1.1, 0.75, 1.2, 1.2, -0.2, 1.2);
        for (int i = 0; i < 5; i++)
        {
            double x = draws.Chance(0.5) ? draws.Between(0.02, 0.16) : draws.Between(0.84, 0.98), height = draws.Between(0.3, 0.5);
            stage.Pen.Taper(stage.Vary(0x4C8A3A, 0.05), 0.025, 0.008, x, 0.9, x + 0.01, 0.9 - height / 2, x + draws.Between(-0.03, 0.03), 0.9 - height);
            stage.Pen.Line(Colour.Hex(0x6B4426), 0.035, x + 0.01, 0.9 - height, x + 0.01, 0.84 - height);
        }

        foreach (Pen pen in stage.Subjects(0.89, 0.52))
        {
            pen.Ellipse(stage.Vary(0x3F8F4A, 0.03), 0, 0, 0.82, 0.16);
            pen.Ellipse(stage.Vary(0x58AB57, 0.03), 0, -0.02, 0.74, 0.12);
            if (draws.Chance(0.5))
                pen.Disc(Colour.Hex(0xF3A6C8), -0.68, -0.05, 0.1);
            Sitting(stage, pen);
        }
    }

    private static void Sitting(Stage stage, Pen pen)
    {
        Colour skin = stage.Vary(stage.Look, 0.03), dark = skin.Darker(0.22), belly = skin.Mix(0xFFFBD8, 0.65);
        foreach (double side in (double[])[-1, 1])
        {
            Pen half = pen.At(0, 0, 1, flip: side);
            half.Ellipse(dark, 0.42, -0.17, 0.22, 0.16, -0.5);
            half.Ellipse(dark, 0.5, -0.03, 0.2, 0.05);
        }

        pen.Ellipse(skin, 0, -0.36, 0.42, 0.34);
        pen.Ellipse(belly, 0, -0.25, 0.28, 0.23);
        pen.Ellipse(skin, 0, -0.6, 0.46, 0.27);
        foreach (double side in (double[])[-1, 1])
        {
            Pen half = pen.At(0, 0, 1, flip: side);
            half.Line(skin, 0.1, 0.22, -0.26, 0.24, -0.04);
            half.Ellipse(skin, 0.25, -0.02, 0.13, 0.05);
            half.Disc(skin, 0.26, -0.83, 0.15);
            half.Disc(Colour.White, 0.26, -0.85, 0.105);
            half.Disc(Colour.Black, 0.24, -0.85, 0.06);
        }

        pen.Ellipse(belly, 0, -0.5, stage.Draws.Between(0.2, 0.32), 0.13); // the throat swells
        pen.Curve(Colour.Hex(0x2F4A22), 0.03, -0.34, -0.6, -0.15, -0.53, 0.15, -0.53, 0.34, -0.6);
    }
}
