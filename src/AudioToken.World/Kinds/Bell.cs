using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>A bell: hum, prime, tierce, quint, nominal and above, each a pair that beats; a bell under its beam.</summary>
internal sealed class Bell : WorldKind
{
    // Ratio to the prime, strength, seconds of decay: the partials of a tuned church bell.
    private static readonly (double Ratio, double Strength, double Seconds)[] s_partials =
        [(0.5, 0.45, 3.5), (1, 0.7, 2.2), (1.19, 0.55, 1.7), (1.5, 0.3, 1.2), (2, 0.8, 1.1), (2.51, 0.3, 0.7), (2.66, 0.25, 0.6), (3.01, 0.3, 0.5), (4.1, 0.2, 0.3)];

    public override string Name => "bell";

    public override IReadOnlyList<Look> Looks { get; } = [new("golden", 0xEDB53A), new("copper", 0xC9743F), new("silver", 0xB9C2CC)];

    public override int MostOfThem => 2;

    internal override void Sound(Track track, Draws draws)
    {
        double prime = draws.Between(190, 780), apart = draws.Between(0.3, 2.2), length = draws.Between(0.5, 1.3) * (prime < 400 ? 1.1 : 0.8), bright = draws.Between(0.5, 1.6);
        Track one = new(Track.Count(7));
        foreach ((double ratio, double strength, double seconds) in s_partials)
        {
            double hz = prime * ratio * draws.Between(0.995, 1.005), decay = seconds * length / 2.5 * 1.5;
            double level = strength * (ratio > 1.5 ? bright : 1);
            one.Add(0, Voice.Ring(hz, 0.002, decay), level);
            one.Add(0, Voice.Ring(hz + apart, 0.002, decay), level * draws.Between(0.5, 1));
        }

        one.Add(0, Voice.Burst(draws, 1000, 6000, 0.0005, 0.01), bright * 0.4);
        double pause = draws.Between(0.7, 2.6);
        for (double at = draws.Between(0.02, 0.7); at < track.Seconds; at += pause * draws.Between(0.95, 1.05))
            track.Add(at, one.Samples, draws.Between(0.7, 1));
    }

    internal override void Subject(Stage stage)
    {
        Colour wood = stage.Vary(0x7A5236, 0.03);
        double width = stage.Scene.Count == 1 ? 0.34 : 0.44, top = stage.Draws.Between(0.14, 0.2);
        stage.Pen.Box(wood.Darker(0.15), 0.5 - width, top, 0.06, 0.82);
        stage.Pen.Box(wood.Darker(0.15), 0.44 + width, top, 0.06, 0.82);
        stage.Pen.Pill(wood, 0.46 - width, top - 0.02, 2 * width + 0.08, 0.08, 0.02);
        stage.Pen.Polygon(Backdrop.White(stage, stage.Vary(0xA5473A, 0.05)), 0.42 - width, top - 0.01, 0.58 + width, top - 0.01, 0.5, top - 0.16);
        int count = stage.Scene.Count;
        for (int i = 0; i < count; i++)
            Hanging(stage, stage.Near.At(0.5 + (i - (count - 1) / 2.0) * 0.42, top + 0.06, count == 1 ? stage.Draws.Between(0.58, 0.66) : 0.4, stage.Draws.Between(-0.22, 0.22)));
    }

    private static void Hanging(Stage stage, Pen pen)
    {
        Colour metal = stage.Vary(stage.Look, 0.02), dark = metal.Darker(0.4), light = metal.Lighter(0.45);
        Paint round = Drawing.Paint.Horizontal(-0.1, metal, 0.48, dark);
        pen.Box(Colour.Hex(0x4B4540), -0.05, -0.05, 0.1, 0.2);
        pen.Line(dark, 0.05, 0, 0.7, 0, 0.98);
        pen.Disc(dark, 0, 1.0, 0.1);
        pen.Polygon(round, Profile());
        pen.Pill(Drawing.Paint.Horizontal(-0.2, light, 0.5, dark), -0.53, 0.84, 1.06, 0.1, 0.05);
        pen.Curve(light.Alpha(0.85), 0.06, -0.2, 0.24, -0.25, 0.5, -0.36, 0.76);
        pen.Line(dark, 0.03, -0.37, 0.7, 0.37, 0.7);
        pen.Line(dark, 0.025, -0.25, 0.3, 0.25, 0.3);
    }

    private static double[] Profile() =>
    [
        -0.5, 0.9, -0.43, 0.78, -0.36, 0.62, -0.31, 0.44, -0.28, 0.28, -0.22, 0.16, -0.1, 0.09,
        0.1, 0.09, 0.22, 0.16, 0.28, 0.28, 0.31, 0.44, 0.36, 0.62, 0.43, 0.78, 0.5, 0.9,
    ];
}
