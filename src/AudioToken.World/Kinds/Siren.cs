using AudioToken.World.Drawing;
using AudioToken.World.Numbers;
using AudioToken.World.Scenery;
using AudioToken.World.Sounds;

namespace AudioToken.World.Kinds;

/// <summary>A siren: two tones, a wail or a yelp over traffic; an ambulance with its blue light.</summary>
internal sealed class Siren : WorldKind
{
    public override string Name => "siren";

    public override string Noun => "ambulance";

    public override IReadOnlyList<Look> Looks { get; } = [new("white", 0xF4F5F7), new("yellow", 0xF6D743), new("red", 0xD8362F)];

    public override IReadOnlyList<Place> Places { get; } = [Place.Meadow, Place.Mountains, Place.Town, Place.Desert];

    internal override void Sound(Track track, Draws draws)
    {
        int style = draws.Whole(0, 2);
        double low = draws.Between(380, 620), high = low * (style == 0 ? draws.Between(1.25, 1.4) : draws.Between(1.8, 2.6));
        double period = style switch { 0 => draws.Between(0.9, 1.6), 1 => draws.Between(2.5, 6), _ => draws.Between(0.25, 0.5) };
        double seconds = track.Seconds, start = draws.Unit(), passes = draws.Between(0.2, 0.8), drop = draws.Between(0, 0.08);
        double[] siren = Voice.Harmonics(seconds, part =>
        {
            double turn = part * seconds / period + start, way = turn - Math.Floor(turn);
            double height = style == 0 ? (way < 0.5 ? 0 : 1) : style == 1 ? 0.5 - 0.5 * Elementary.SinTurns(way + 0.25) : Math.Min(1, way * 1.3);
            double doppler = 1 + drop * (passes - part > 0.05 ? 1 : passes - part < -0.05 ? -1 : (passes - part) / 0.05);
            return (low + (high - low) * height) * doppler;
        }, 1, 0.55, 0.5, 0.3, 0.25, 0.15, 0.1, 0.08);
        double fade = draws.Between(0, 0.8);
        Voice.Shape(siren, part => 1 - fade * Math.Min(1, Math.Abs(part - passes) * 2));
        track.Add(0, siren, 0.5);
        track.Echo(draws, draws.Between(0.06, 0.2), draws.Between(0.05, 0.35));
        track.Add(0, Noise.Coloured(draws, track.Samples.Length, draws.Between(200, 600)), draws.Between(0.03, 0.2));
    }

    internal override void Subject(Stage stage)
    {
        Draws draws = stage.Draws;
        double road = Backdrop.Road(stage);
        Ambulance(stage, stage.Near.At(draws.Between(0.46, 0.54), road + 0.06, draws.Between(0.38, 0.43), flip: draws.Chance(0.5) ? 1 : -1));
    }

    private static void Ambulance(Stage stage, Pen pen)
    {
        Colour body = stage.Vary(stage.Look, 0.02), shade = body.Darker(0.15), stripe = stage.Scene.Look == 2 ? Colour.White : Colour.Hex(0xD8362F);
        pen.Glow(Colour.Hex(0x3F7BFF).Alpha(0.95), 0.5, -1.28, 0.95);
        for (int ray = 0; ray < 7; ray++)
        {
            double turn = 0.5 + ray / 12.0, sin = Elementary.SinTurns(turn), cos = Elementary.SinTurns(turn + 0.25);
            pen.Unlit.Taper(Colour.Hex(0x8FB6FF).Alpha(0.9), 0.05, 0.02, 0.5 + 0.22 * cos, -1.28 + 0.22 * sin, 0.5 + 0.5 * cos, -1.28 + 0.5 * sin);
        }

        pen.Ellipse(Colour.Black.Alpha(0.3), 0, 0.02, 1.1, 0.08);
        pen.Pill(Drawing.Paint.Vertical(-1.2, body, -0.1, shade), -1, -1.18, 1.36, 1.06, 0.08);
        pen.Polygon(shade, 0.3, -1.1, 0.66, -1.05, 0.92, -0.6, 1, -0.5, 1, -0.14, 0.3, -0.14);
        pen.Polygon(stage.Hour.Dark ? Colour.Hex(0xB8A860) : Colour.Hex(0xBFE0EE), 0.42, -0.98, 0.62, -0.95, 0.8, -0.6, 0.42, -0.6);
        pen.Box(stripe, -1, -0.42, 2, 0.14);
        pen.Box(stripe, -0.42, -1.05, 0.18, 0.54);
        pen.Box(stripe, -0.6, -0.87, 0.54, 0.18);
        pen.Box(Colour.Hex(0x2B2D33), 0.34, -1.22, 0.32, 0.08);
        pen.Unlit.Pill(Colour.Hex(0x2F6BFF), 0.38, -1.36, 0.24, 0.17, 0.08);
        pen.Unlit.Disc(Colour.Hex(0xCFE0FF), 0.5, -1.29, 0.05);
        pen.Unlit.Disc(Colour.Hex(0xFFF1B0), 0.95, -0.5, 0.06);
        foreach (double x in (double[])[-0.58, 0.6])
        {
            pen.Disc(Colour.Hex(0x25262B), x, -0.14, 0.21);
            pen.Disc(Colour.Hex(0xBFC3CA), x, -0.14, 0.11);
        }
    }
}
