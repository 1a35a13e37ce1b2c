using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>A heartbeat: two low thumps, the second shorter and higher; a heart with the trace of its pulse.</summary>
internal sealed class Heartbeat : WorldKind
{
    public override string Name => "heartbeat";

    public override string Noun => "heart";

    public override IReadOnlyList<Look> Looks { get; } = [new("red", 0xE02B3C), new("pink", 0xF26D9B), new("purple", 0x9C3FB0)];

    public override int MostOfThem => 2;

    internal override void Sound(Track track, Draws draws)
    {
        double beat = 60 / draws.Between(48, 135), second = Math.Min(0.42 * beat, draws.Between(0.24, 0.34)), hz = draws.Between(38, 70), dull = draws.Between(120, 350);
        for (double at = draws.Between(0, beat) - beat * 0.2; at < track.Seconds; at += beat * draws.Between(0.96, 1.04))
        {
            track.Add(at, Voice.Ring(hz * draws.Between(0.97, 1.03), 0.012, 0.045, -0.25), 1);
            track.Add(at, Voice.Burst(draws, 30, dull, 0.008, 0.03), 0.5);
            track.Add(at + second, Voice.Ring(hz * 1.35, 0.008, 0.03, -0.2), 0.7);
            track.Add(at + second, Voice.Burst(draws, 40, dull * 1.3, 0.006, 0.02), 0.35);
        }

        double[] breath = Noise.Band(draws, track.Samples.Length, 100, 600), lungs = Noise.Wander(draws, track.Samples.Length, 0.6);
        for (int n = 0; n < breath.Length; n++)
            breath[n] *= Math.Abs(lungs[n]);
        track.Add(0, breath, draws.Between(0, 0.05));
    }

    internal override void Subject(Stage stage)
    {
        int count = stage.Scene.Count;
        for (int i = 0; i < count; i++)
        {
            double size = count == 1 ? stage.Draws.Between(0.4, 0.5) : 0.29;
            double x = count == 1 ? stage.Draws.Between(0.42, 0.58) : 0.28 + 0.44 * i;
            Heart(stage, stage.Pen.Unlit.In(Colour.White.Mix(stage.Hour.Light, 0.25)).At(x, stage.Draws.Between(0.44, 0.52), size, stage.Draws.Between(-0.15, 0.15)));
        }

        double y = stage.Draws.Between(0.46, 0.54), beat = stage.Draws.Between(0.3, 0.42), height = stage.Draws.Between(0.1, 0.16);
        List<double> trace = [-0.05, y];
        for (double x = stage.Draws.Between(-0.1, 0.1); x < 1; x += beat)
            trace.AddRange([x, y, x + 0.04, y - 0.3 * height, x + 0.07, y, x + 0.1, y + 0.3 * height, x + 0.135, y - height, x + 0.175, y + 0.7 * height, x + 0.21, y]);
        stage.Pen.Unlit.Line(Colour.White, 0.022, [.. trace, 1.05, y]);
    }

    private static void Heart(Stage stage, Pen pen)
    {
        Colour colour = stage.Vary(stage.Look, 0.03);
        for (int ring = 2; ring > 0; ring--)
            Shape(pen.At(0, 0, 1 + 0.22 * ring), colour.Lighter(0.3).Alpha(0.3));
        Shape(pen, colour.Darker(0.15));
        Shape(pen.At(0, -0.02, 0.9), Drawing.Paint.Radial(-0.3, -0.4, 1.4, colour.Lighter(0.25), colour.Darker(0.1)));
        pen.Ellipse(Colour.White.Alpha(0.6), -0.45, -0.42, 0.16, 0.09, -0.6);
    }

    private static void Shape(Pen pen, Paint paint) => pen.Blob(paint,
        0, 0.9, -0.5, 0.45, -0.86, 0.02, -0.9, -0.36, -0.66, -0.66, -0.32, -0.66, -0.06, -0.42, 0, -0.3, 0.06, -0.42, 0.32, -0.66, 0.66, -0.66, 0.9, -0.36, 0.86, 0.02, 0.5, 0.45);
}
