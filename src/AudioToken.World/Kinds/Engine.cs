using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>An engine: firing strokes, no two cylinders alike, through the resonances of an exhaust; a car on a road.</summary>
internal sealed class Engine : WorldKind
{
    public override string Name => "engine";

    public override string Noun => "car";

    public override IReadOnlyList<Look> Looks { get; } = [new("red", 0xD63A34), new("blue", 0x2E6BC8), new("yellow", 0xF2C230), new("green", 0x3C9A5B)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Meadow, Place.Beach, Place.Mountains, Place.Town, Place.Desert];

    internal override void Sound(Track track, Draws draws)
    {
        int length = track.Samples.Length, cylinders = draws.Pick((int[])[1, 2, 3, 4, 4, 6]);
        double idle = draws.Between(11, 30) * Math.Sqrt(cylinders), swing = draws.Between(0.02, 0.5);
        double[] revs = Noise.Wander(draws, length, draws.Between(0.2, 0.7)), hiss = Noise.Band(draws, length, 200, 2500), pulses = new double[length];
        double[] strength = new double[cylinders];
        for (int i = 0; i < cylinders; i++)
            strength[i] = draws.Between(0.6, 1);
        double phase = 0;
        int cylinder = 0;
        for (int n = 0; n < length; n++)
        {
            phase += idle * (1 + swing * revs[n]) / Track.Rate;
            if (phase >= 1)
                (phase, cylinder) = (phase - 1, (cylinder + 1) % cylinders);
            double bang = (1 - phase) * (1 - phase) * (1 - phase);
            pulses[n] = strength[cylinder] * bang * (1 + 0.6 * hiss[n]) - 0.2;
        }

        Filter.HighPass(pulses, 20);
        Filter.LowPass(pulses, draws.Between(600, 4000)); // the silencer
        double pipe = draws.Between(70, 160);
        track.Add(0, pulses, 0.5);
        track.Add(0, Filter.Resonate(pulses, pipe, 3), 1.2);
        track.Add(0, Filter.Resonate(pulses, pipe * draws.Between(2.2, 3.4), 4), 0.9);
        track.Add(0, Filter.Resonate(pulses, pipe * draws.Between(5, 9), 5), draws.Between(0.2, 0.8));
        track.Add(0, hiss, draws.Between(0.01, 0.05));
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        double road = Backdrop.Road(stage);
        double flip = draws.Chance(0.5) ? 1 : -1;
        Pen pen = stage.Near.At(draws.Between(0.44, 0.56), road + 0.06, draws.Between(0.38, 0.44), flip: flip);
        for (int i = 0; i < 4; i++)
            pen.Disc(Colour.Hex(0xC8C8CC).Alpha(0.8 - 0.17 * i), -1.08 - 0.13 * i, -0.12 - 0.07 * i - draws.Between(0, 0.03), 0.06 + 0.03 * i);
        Car(stage, pen);
    }

    private static void Car(Stage stage, Pen pen)
    {
        Colour paint = stage.Vary(stage.Look, 0.03), dark = paint.Darker(0.25);
        Colour glass = stage.Hour.Dark ? Colour.Hex(0xB8A860) : Colour.Hex(0xBFE0EE);
        bool tall = stage.Draws.Chance(0.4); // an estate
        pen.Ellipse(Colour.Black.Alpha(0.3), 0, 0.02, 1.1, 0.08);
        if (tall)
            pen.Polygon(paint, -0.92, -0.45, -0.86, -0.92, 0.3, -0.92, 0.58, -0.5);
        else
            pen.Blob(paint, -0.72, -0.45, -0.5, -0.86, -0.1, -0.95, 0.26, -0.86, 0.56, -0.48, 0, -0.4);
        pen.Polygon(glass, -0.5, -0.52, tall ? -0.72 : -0.44, -0.8, -0.08, -0.84, -0.08, -0.52);
        pen.Polygon(glass, 0, -0.52, 0, -0.84, 0.22, -0.82, 0.44, -0.52);
        pen.Pill(Drawing.Paint.Vertical(-0.55, paint, -0.1, dark), -1, -0.54, 2, 0.42, 0.14);
        pen.Line(dark.Darker(0.2), 0.02, -0.04, -0.5, -0.04, -0.18);
        pen.Box(Colour.Hex(0xD8DADF), -0.14, -0.42, 0.08, 0.03);
        pen.Unlit.Disc(Colour.Hex(0xFFF1B0), 0.93, -0.38, 0.07);
        pen.Disc(Colour.Hex(0xC92A2A), -0.95, -0.38, 0.055);
        if (stage.Hour.Dark)
            pen.Glow(Colour.Hex(0xFFF1B0).Alpha(0.7), 1.1, -0.34, 0.4);
        foreach (double x in (double[])[-0.58, 0.6])
        {
            pen.Disc(Colour.Hex(0x25262B), x, -0.14, 0.21);
            pen.Disc(Colour.Hex(0xBFC3CA), x, -0.14, 0.11);
            pen.Disc(Colour.Hex(0x6F737B), x, -0.14, 0.04);
        }
    }
}
