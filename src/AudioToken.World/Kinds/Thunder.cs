using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>Thunder: a crack that dulls with distance and a rumble that rolls; a bolt from black clouds.</summary>
internal sealed class Thunder : WorldKind
{
    public override string Name => "thunder";

    public override string Noun => "thunderstorm";

    public override IReadOnlyList<Look> Looks { get; } = [new("violet", 0x4B3A6E), new("blue", 0x2C4468), new("grey", 0x4A4E59)];

    public override IReadOnlyList<Weather> Weathers { get; } = [Weather.Clear];

    internal override void Sound(Track track, Draws draws)
    {
        double pause = draws.Between(3, 7);
        for (double at = draws.Between(0, 1); at < Math.Max(1, track.Seconds - 1); at += pause * draws.Between(0.7, 1.3))
        {
            double distance = draws.Unit(), last = draws.Between(2.5, 5);
            double[] rumble = Noise.Coloured(draws, Track.Count(last), 60 + 180 * (1 - distance));
            Filter.LowPass(rumble, 120 + 300 * (1 - distance));
            Filter.HighPass(rumble, 25);
            double[] rolls = Noise.Wander(draws, rumble.Length, draws.Between(3, 7));
            Filter.Level(rumble, 1);
            double summit = draws.Between(0.05, 0.25);
            for (int n = 0; n < rumble.Length; n++)
                rumble[n] *= (0.25 + 0.75 * rolls[n] * rolls[n]) * Voice.Hill((n + 0.5) / rumble.Length, summit);
            track.Add(at, rumble, 0.5);
            if (distance > 0.65)
                continue;
            int cracks = draws.Whole(2, 7);
            for (int i = 0; i < cracks; i++)
                track.Add(at + draws.Between(0, 0.35), Voice.Burst(draws, 100, 900 + 4000 * (0.65 - distance), 0.001, draws.Between(0.02, 0.09)), draws.Between(1, 3) * (1 - distance));
        }

        if (draws.Chance(0.5))
            track.Add(0, Noise.Band(draws, track.Samples.Length, 600, 5000), draws.Between(0.01, 0.06));
    }

    internal override void Paint(Stage stage)
    {
        Draws draws = stage.Draws;
        Colour storm = stage.Vary(stage.Look, 0.03).Mix(stage.Hour.Bottom, 0.15).Under(Colour.White.Mix(stage.Hour.Light, 0.5));
        stage.Pen.Unlit.Box(Drawing.Paint.Vertical(0, storm.Darker(0.45), stage.Horizon, storm.Lighter(0.25)), 0, 0, 1, 1);
        Backdrop.Paint(stage);
        stage.Pen.Unlit.Box(Colour.Hex(0x141428).Alpha(0.4), 0, 0, 1, 1);
        Subject(stage);
        for (int i = 0; i < 7; i++)
            Sky.Cloud(stage, stage.Look.Mix(0x6C7080, 0.35).Darker(draws.Between(0, 0.25)), (i + draws.Unit()) / 7, draws.Between(0.03, 0.15), draws.Between(0.17, 0.26));
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        int bolts = draws.Chance(0.35) ? 2 : 1;
        double middle = draws.Between(0.3, 0.7);
        for (int i = 0; i < bolts; i++)
        {
            double x = middle + i * (middle < 0.5 ? 0.32 : -0.32), y = 0.08, width = draws.Between(0.035, 0.05) * (1 - 0.35 * i), foot = stage.Horizon + draws.Between(0, 0.08);
            List<double> path = [x, y];
            int joints = draws.Whole(4, 6);
            for (int joint = 1; joint <= joints; joint++)
            {
                double side = joint % 2 == 0 ? 1 : -1;
                x += side * draws.Between(0.02, 0.11);
                path.AddRange([x, 0.08 + (foot - 0.08) * joint / joints]);
            }

            Pen pen = stage.Pen.Unlit;
            pen.Glow(Colour.Hex(0xBFC8FF).Alpha(0.75), path[joints], 0.35, 0.42);
            pen.Line(Colour.Hex(0xC9C6FF).Alpha(0.6), width * 2, [.. path]);
            pen.Line(Colour.Hex(0xFFF7C2), width, [.. path]);
            int fork = 2 * draws.Whole(1, joints - 2);
            pen.Line(Colour.Hex(0xFFF7C2), width * 0.5, path[fork], path[fork + 1], path[fork] + draws.Between(0.08, 0.14), path[fork + 1] + 0.1, path[fork] + draws.Between(0.06, 0.2), path[fork + 1] + 0.2);
            pen.Glow(Colour.Hex(0xFFF3B8).Alpha(0.8), path[^2], path[^1], 0.12);
        }
    }
}
