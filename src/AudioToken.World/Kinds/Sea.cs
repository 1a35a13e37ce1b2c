using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>The sea: waves that gather, break and run out; rows of crests and a sail.</summary>
internal sealed class Sea : WorldKind
{
    public override string Name => "sea";

    public override IReadOnlyList<Look> Looks { get; } = [new("blue", 0x1F6FB8), new("green", 0x1F8F86), new("grey", 0x5F7F96)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Beach, Place.Mountains];

    internal override void Sound(Track track, Draws draws)
    {
        double[] bed = Noise.Coloured(draws, track.Samples.Length, draws.Between(200, 500));
        track.Add(0, bed, draws.Between(0.1, 0.25));
        double period = draws.Between(3, 7), brightness = draws.Between(1200, 4500);
        for (double at = -period * draws.Unit(); at < track.Seconds; at += period * draws.Between(0.8, 1.25))
        {
            double last = period * draws.Between(1.1, 1.5), summit = draws.Between(0.3, 0.5), height = draws.Between(0.6, 1);
            double[] body = Noise.Band(draws, Track.Count(last), 80, 700), foam = Noise.Band(draws, body.Length, 700, brightness);
            // The body swells first; foam comes with the crest and hisses out.
            Voice.Shape(body, part => Voice.Hill(part, summit));
            Voice.Shape(foam, part => part < summit * 0.7 ? 0 : Voice.Hill((part - summit * 0.7) / (1 - summit * 0.7), 0.2));
            track.Add(at, body, height * 0.8);
            track.Add(at, foam, height * 0.7);
        }
    }

    internal override void Paint(Stage stage)
    {
        Sky.Paint(stage);
        if (stage.Scene.Place == Place.Mountains)
            Backdrop.Far(stage);
        if (stage.Scene.Weather == Weather.Fog)
            WeatherPainter.Haze(stage, 0.6);
        Subject(stage);
    }

    internal override void Subject(Stage stage)
    {
        (Draws draws, Pen pen) = (stage.Draws, stage.Pen);
        double horizon = stage.Horizon - 0.1;
        Colour water = stage.Vary(stage.Look, 0.03), distant = water.Mix(Colour.Hex(0x9CCBE0), 0.35);
        pen.Box(Drawing.Paint.Vertical(horizon, distant, 1, water.Darker(0.15)), 0, horizon, 1, 1 - horizon);
        if (draws.Chance(0.7))
            Boat(stage, draws.Between(0.15, 0.85), horizon + draws.Between(0.03, 0.07), draws.Between(0.16, 0.28));
        int rows = draws.Whole(4, 6);
        for (int row = 0; row < rows; row++)
        {
            double part = (double)row / rows, y = horizon + 0.07 + (0.92 - horizon) * part * (0.55 + 0.45 * part), width = 0.15 + 0.25 * part, height = 0.018 + 0.06 * part;
            Crest(stage, y, width, height, distant.Mix(water.Darker(0.25), part));
        }

        if (stage.Scene.Place == Place.Beach)
        {
            double shore = draws.Between(0.86, 0.92);
            pen.Blob(Colour.White.Alpha(0.9), -0.2, shore - 0.02, 0.3, shore - 0.05, 0.7, shore + 0.01, 1.2, shore - 0.04, 1.2, 1.3, -0.2, 1.3);
            pen.Blob(Backdrop.White(stage, stage.Vary(0xEAD39C, 0.03)), -0.2, shore + 0.02, 0.3, shore - 0.015, 0.7, shore + 0.045, 1.2, shore, 1.2, 1.3, -0.2, 1.3);
        }
    }

    // A row of waves whose crests lean over, white where they break.
    private static void Crest(Stage stage, double y, double width, double height, Colour colour)
    {
        List<double> edge = [], crests = [];
        for (double x = -width * stage.Draws.Unit() - 0.1; x < 1.3;)
        {
            double step = width * stage.Draws.Between(0.8, 1.2);
            edge.AddRange([x, y + height * 0.4, x + step * 0.55, y - height * 0.6]);
            crests.AddRange([x, step]);
            x += step;
        }

        stage.Pen.Blob(colour, [.. edge, 1.5, 1.2, -0.5, 1.2]);
        for (int i = 0; i < crests.Count; i += 2)
        {
            (double x, double step) = (crests[i], crests[i + 1]);
            stage.Pen.Taper(Colour.White.Alpha(0.92), height * 0.12, height * 0.75, x + step * 0.12, y + height * 0.25, x + step * 0.36, y - height * 0.3, x + step * 0.58, y - height * 0.55, x + step * 0.76, y - height * 0.2);
        }
    }

    private static void Boat(Stage stage, double x, double y, double size)
    {
        Pen pen = stage.Pen.At(x, y, size, flip: stage.Draws.Chance(0.5) ? 1 : -1);
        pen.Polygon(stage.Vary(0x8C4A32, 0.08), -0.45, -0.12, 0.45, -0.12, 0.3, 0.08, -0.32, 0.08);
        pen.Line(Colour.Hex(0x4A3628), 0.03, 0, -0.1, 0, -1);
        pen.Polygon(Colour.Hex(0xFDF6E6), 0.04, -0.98, 0.04, -0.2, 0.46, -0.2);
        pen.Polygon(stage.Vary(0xE2574C, 0.15), -0.04, -0.9, -0.04, -0.2, -0.36, -0.2);
    }
}
