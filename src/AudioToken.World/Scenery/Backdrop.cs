using AudioToken.World.Drawing;
using AudioToken.World.Numbers;

namespace AudioToken.World.Scenery;

/// <summary>Distance and ground of each place.</summary>
internal static class Backdrop
{
    public static void Paint(Stage stage)
    {
        Far(stage);
        if (stage.Scene.Weather == Weather.Fog)
            WeatherPainter.Haze(stage, 0.6);
        Ground(stage);
    }

    /// <summary>What stands at the horizon.</summary>
    public static void Far(Stage stage)
    {
        switch (stage.Scene.Place)
        {
            case Place.Meadow:
                Hills(stage, stage.Horizon - 0.1, 0.06, stage.Vary(White(stage, 0x7FB98A)));
                break;
            case Place.Beach:
                Water(stage, stage.Horizon - 0.12, stage.Horizon + 0.05);
                break;
            case Place.Forest:
                Firs(stage);
                break;
            case Place.Mountains:
                Peaks(stage);
                break;
            case Place.Town:
                Houses(stage);
                break;
            default:
                Hills(stage, stage.Horizon - 0.08, 0.05, stage.Vary(White(stage, 0xD9A766)));
                break;
        }
    }

    /// <summary>The ground, from the horizon down.</summary>
    public static void Ground(Stage stage)
    {
        Colour ground = stage.Scene.Place switch
        {
            Place.Meadow => 0x6DB04C, Place.Beach => 0xE9D3A0, Place.Forest => 0x4C7A3D, Place.Mountains => 0x83A35A, Place.Town => 0x9C9A9E, _ => 0xE6BD79,
        };
        ground = stage.Vary(White(stage, ground), 0.04);
        Hills(stage, stage.Horizon, stage.Scene.Place == Place.Town ? 0 : 0.02, ground);
        Details(stage, ground);
    }

    /// <summary>Water between two heights, with the sky's colour in it.</summary>
    public static void Water(Stage stage, double from, double to)
    {
        Colour deep = stage.Vary(0x2F7FB5, 0.06), shallow = stage.Vary(0x63BFC9, 0.06);
        stage.Pen.Box(Drawing.Paint.Vertical(from, deep, to, shallow), 0, from, 1, to - from);
        for (int i = 0; i < 9; i++)
        {
            double y = stage.Draws.Between(from + 0.01, to), x = stage.Draws.Unit(), width = stage.Draws.Between(0.03, 0.1);
            stage.Pen.Line(Colour.White.Alpha(0.5), 0.005, x, y, x + width, y);
        }
    }

    /// <summary>A road across the foreground; gives the height of its far edge.</summary>
    public static double Road(Stage stage)
    {
        double edge = stage.Draws.Between(0.8, 0.84);
        stage.Pen.Box(stage.Vary(0x56585F, 0.02), 0, edge - 0.02, 1, 1);
        for (int i = 0; i < 4; i++)
            stage.Pen.Box(Colour.Hex(0xF3EFD8), i * 0.28 + 0.04, 0.945, 0.15, 0.018);
        return edge;
    }

    /// <summary>A fir with its foot at a point.</summary>
    public static void Fir(Stage stage, double x, double y, double height, Colour green)
    {
        Pen pen = stage.Pen.At(x, y, height);
        pen.Box(Colour.Hex(0x5A4030), -0.04, -0.15, 0.08, 0.15);
        for (int i = 0; i < 3; i++)
        {
            double low = -0.1 - 0.26 * i, half = 0.26 - 0.06 * i;
            pen.Polygon(green, -half, low, half, low, 0, low - 0.4);
            if (stage.Snow)
                pen.Polygon(Colour.White.Alpha(0.9), -half * 0.45, low - 0.2, half * 0.45, low - 0.2, 0, low - 0.4);
        }
    }

    /// <summary>Snow lies on everything.</summary>
    public static Colour White(Stage stage, Colour colour) => stage.Snow ? colour.Mix(0xF2F6FC, 0.85) : colour;

    private static void Hills(Stage stage, double y, double height, Colour colour)
    {
        double phase = stage.Draws.Unit(), waves = stage.Draws.Between(0.7, 1.6);
        Span<double> points = stackalloc double[2 * 19];
        for (int i = 0; i <= 16; i++)
            (points[2 * i], points[2 * i + 1]) = (i / 16.0, y + height * Elementary.SinTurns(phase + waves * i / 16));
        (points[34], points[35], points[36], points[37]) = (1, 1, 0, 1);
        stage.Pen.Polygon(Drawing.Paint.Vertical(y, colour, 1, colour.Darker(0.22)), points);
    }

    private static void Firs(Stage stage)
    {
        for (int row = 0; row < 2; row++)
        {
            Colour green = stage.Vary(0x2C5E43, 0.04).Mix(stage.Hour.Bottom, row == 0 ? 0.35 : 0.08);
            for (double x = stage.Draws.Between(-0.05, 0.03); x < 1.05; x += stage.Draws.Between(0.07, 0.13))
                Fir(stage, x, stage.Horizon + 0.03, stage.Draws.Between(0.3, 0.46) - 0.06 * row, stage.Vary(green, 0.02));
        }
    }

    private static void Peaks(Stage stage)
    {
        int peaks = stage.Draws.Whole(3, 4);
        for (int i = 0; i < peaks; i++)
        {
            double x = (i + stage.Draws.Between(0.2, 0.8)) / peaks, top = stage.Horizon - stage.Draws.Between(0.2, 0.36), half = stage.Draws.Between(0.2, 0.3);
            Colour rock = stage.Vary(0x76849C, 0.03);
            stage.Pen.Polygon(rock, x - half, stage.Horizon + 0.05, x + half, stage.Horizon + 0.05, x, top);
            stage.Pen.Polygon(rock.Darker(0.18), x, stage.Horizon + 0.05, x + half, stage.Horizon + 0.05, x, top);
            double cap = 0.36, low = top + cap * (stage.Horizon + 0.05 - top);
            stage.Pen.Polygon(Colour.White, x, top, x + half * cap, low, x + half * cap * 0.4, low - 0.025, x, low + 0.02, x - half * cap * 0.45, low - 0.02, x - half * cap, low);
        }
    }

    private static void Houses(Stage stage)
    {
        Colour[] walls = [0xE8C9A0, 0xD98F7A, 0xB9C7D6, 0xEAD9C4, 0xA9B79A, 0xC99FA8];
        for (double x = stage.Draws.Between(-0.1, -0.02); x < 1;)
        {
            double width = stage.Draws.Between(0.12, 0.2), height = stage.Draws.Between(0.2, 0.36), top = stage.Horizon + 0.02 - height;
            stage.Pen.Box(stage.Vary(stage.Draws.Pick(walls), 0.03), x, top, width, height);
            stage.Pen.Polygon(White(stage, stage.Vary(0x8E4B40, 0.05)), x - 0.012, top, x + width + 0.012, top, x + width / 2, top - stage.Draws.Between(0.05, 0.09));
            Pen window = stage.Hour.Dark ? stage.Pen.Unlit : stage.Pen;
            for (double y = top + 0.03; y < stage.Horizon - 0.06; y += 0.085)
            {
                for (double at = 0.025; at + 0.03 < width; at += 0.055)
                    window.Box(stage.Hour.Dark && stage.Draws.Chance(0.6) ? Colour.Hex(0xFFD977) : Colour.Hex(0x4A5A74).Under(stage.Hour.Light), x + at, y, 0.03, 0.045);
            }

            x += width + stage.Draws.Between(0, 0.02);
        }
    }

    private static void Details(Stage stage, Colour ground)
    {
        Draws draws = stage.Draws;
        if (stage.Scene.Place == Place.Town)
        {
            for (int i = 0; i < 5; i++)
                stage.Pen.Line(ground.Darker(0.12), 0.006, 0.5 + (i - 2) * 0.18, stage.Horizon + 0.01, 0.5 + (i - 2) * 0.5, 1);
            return;
        }

        if (stage.Scene.Place == Place.Desert && !stage.Snow)
        {
            for (int i = 0; i < 2; i++)
                Cactus(stage, draws.Chance(0.5) ? draws.Between(0.03, 0.2) : draws.Between(0.8, 0.97), stage.Horizon + draws.Between(0.02, 0.1), draws.Between(0.14, 0.22));
        }

        Colour[] petals = [0xFFFFFF, 0xF6D24A, 0xE77FA8, 0xC59BF0, 0xF08A5D];
        for (int i = 0; i < 26; i++)
        {
            double y = draws.Between(stage.Horizon + 0.04, 1), x = draws.Unit(), near = 0.4 + 1.4 * (y - stage.Horizon);
            if (stage.Scene.Place is Place.Meadow && !stage.Snow && i % 2 == 0)
                stage.Pen.Disc(draws.Pick(petals), x, y, 0.011 * near);
            else if (stage.Scene.Place is Place.Meadow or Place.Forest or Place.Mountains)
                stage.Pen.Taper(ground.Darker(0.25), 0.012 * near, 0.003, x, y, x + draws.Between(-0.01, 0.01), y - 0.035 * near);
            else
                stage.Pen.Line(ground.Darker(0.1), 0.005 * near, x, y, x + 0.04 * near, y);
        }
    }

    private static void Cactus(Stage stage, double x, double y, double height)
    {
        Pen pen = stage.Pen.At(x, y, height);
        Colour green = stage.Vary(0x4F8A4B, 0.04);
        pen.Line(green, 0.2, 0, 0, 0, -0.9);
        pen.Line(green, 0.13, 0, -0.35, -0.28, -0.4, -0.28, -0.65);
        pen.Line(green, 0.13, 0, -0.5, 0.26, -0.55, 0.26, -0.8);
    }
}
