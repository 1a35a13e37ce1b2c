using AudioToken.World.Drawing;

namespace AudioToken.World.Scenery;

/// <summary>What the weather lays over a scene.</summary>
internal static class WeatherPainter
{
    /// <summary>A veil over all that is painted so far.</summary>
    public static void Haze(Stage stage, double thickness)
    {
        Colour veil = Colour.Hex(0xDDE3E8).Under(stage.Hour.Light).Mix(stage.Hour.Bottom, 0.2);
        stage.Pen.Unlit.Box(Paint.Vertical(stage.Horizon - 0.4, veil.Alpha(thickness * 0.5), stage.Horizon, veil.Alpha(thickness)), 0, 0, 1, 1);
    }

    /// <summary>Falling flakes, and the fog before the subject.</summary>
    public static void Fall(Stage stage)
    {
        if (stage.Scene.Weather == Weather.Fog)
            Haze(stage, 0.2);
        if (!stage.Snow)
            return;
        int flakes = stage.Draws.Whole(30, 60);
        for (int i = 0; i < flakes; i++)
            stage.Pen.Unlit.Disc(Colour.White.Alpha(0.85).Mix(stage.Hour.Light.Alpha(0.85), 0.4), stage.Draws.Unit(), stage.Draws.Unit(), stage.Draws.Between(0.005, 0.012));
    }
}
