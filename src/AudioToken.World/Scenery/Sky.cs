using AudioToken.World.Drawing;

namespace AudioToken.World.Scenery;

/// <summary>Sky, sun or moon, stars and clouds.</summary>
internal static class Sky
{
    public static void Paint(Stage stage)
    {
        (Hour hour, Pen air) = (stage.Hour, stage.Pen.Unlit);
        double grey = stage.Scene.Weather switch { Weather.Clear => 0, Weather.Cloudy => 0.3, Weather.Fog => 0.45, _ => 0.4 };
        Colour overcast = Colour.Hex(0xD4DAE2).Under(hour.Light);
        air.Box(Drawing.Paint.Vertical(0, hour.Top.Mix(overcast, grey), stage.Horizon, hour.Bottom.Mix(overcast, grey)), 0, 0, 1, 1);
        double x = stage.Draws.Between(0.12, 0.88), y = stage.Draws.Between(0.1, 0.26), radius = stage.Draws.Between(0.045, 0.075);
        if (stage.Scene.Time == TimeOfDay.Night)
            Night(stage, air, x, y, radius, grey);
        else if (stage.Scene.Weather is Weather.Clear or Weather.Cloudy)
            Sun(stage, air, x, stage.Scene.Time == TimeOfDay.Day ? y : stage.Horizon - stage.Draws.Between(0.02, 0.14), radius * 1.2);
        int clouds = stage.Scene.Weather switch { Weather.Clear => stage.Draws.Whole(0, 2), Weather.Cloudy => stage.Draws.Whole(4, 6), _ => stage.Draws.Whole(1, 2) };
        for (int i = 0; i < clouds; i++)
            Cloud(stage, Colour.White.Alpha(0.9), stage.Draws.Unit(), stage.Draws.Between(0.05, stage.Horizon * 0.6), stage.Draws.Between(0.09, 0.18));
    }

    /// <summary>A heap of round puffs over a flat base.</summary>
    public static void Cloud(Stage stage, Colour colour, double x, double y, double size)
    {
        Colour below = colour.Mix(Colour.Hex(0x9DA9BC).Alpha(colour.A), 0.5);
        Pen pen = stage.Pen.At(x, y, size);
        Paint paint = Drawing.Paint.Vertical(-0.7, colour, 0.35, below);
        pen.Pill(paint, -1.1, -0.1, 2.2, 0.4, 0.2);
        int puffs = stage.Draws.Whole(3, 5);
        for (int i = 0; i < puffs; i++)
            pen.Disc(paint, -0.75 + 1.5 * i / (puffs - 1), -0.12 - stage.Draws.Between(0.05, 0.22) * (i == 0 || i == puffs - 1 ? 0 : 1.6), stage.Draws.Between(0.3, 0.45));
    }

    private static void Sun(Stage stage, Pen air, double x, double y, double radius)
    {
        Colour sun = stage.Scene.Time switch { TimeOfDay.Day => 0xFFF3B0, TimeOfDay.Dawn => 0xFFE9B8, _ => 0xFFC060 };
        air.Glow(sun.Alpha(0.55), x, y, radius * 3.2);
        air.Disc(sun, x, y, radius);
    }

    private static void Night(Stage stage, Pen air, double x, double y, double radius, double veil)
    {
        int stars = (int)(stage.Draws.Whole(25, 60) * (1 - veil * 1.5));
        for (int i = 0; i < stars; i++)
            air.Disc(Colour.White.Alpha(stage.Draws.Between(0.3, 1)), stage.Draws.Unit(), stage.Draws.Between(0, stage.Horizon), stage.Draws.Between(0.003, 0.007));
        air.Glow(Colour.Hex(0xBFD0FF).Alpha(0.45), x, y, radius * 3);
        air.Disc(Colour.Hex(0xF4F1DC), x, y, radius);
        if (stage.Draws.Chance(0.5)) // a crescent
            air.Disc(stage.Hour.Top.Mix(stage.Hour.Bottom, 0.3), x + radius * 0.55, y - radius * 0.15, radius * 0.9);
    }
}
