using AudioToken.Pipelines.Imaging;
using AudioToken.World.Drawing;
using AudioToken.World.Numbers;

namespace AudioToken.World.Scenery;

/// <summary>Where one scene is painted: its attributes, its light, its draws.</summary>
internal sealed class Stage
{
    private Stage(SceneAttributes scene, ulong seed, int size)
    {
        (Scene, Draws) = (scene, new Draws(seed, scene.Kind.Name + "/scene"));
        Hour = Hour.Of(scene.Time, Draws);
        Canvas canvas = new(size);
        (Canvas, Pen) = (canvas, Pen.Over(canvas, Hour.Light));
        Near = Pen.In(Hour.Light.Mix(Colour.White, 0.25));
        Horizon = Draws.Between(0.54, 0.64);
    }

    public SceneAttributes Scene { get; }

    public Draws Draws { get; }

    public Hour Hour { get; }

    public Canvas Canvas { get; }

    /// <summary>A pen over the whole picture, in the light of the hour.</summary>
    public Pen Pen { get; }

    /// <summary>The same pen for what stands before us: a little brighter.</summary>
    public Pen Near { get; }

    /// <summary>Height at which ground and sky meet.</summary>
    public double Horizon { get; }

    public bool Snow => Scene.Weather == Weather.Snow;

    /// <summary>The colour of the scene's look.</summary>
    public Colour Look => Scene.Kind.Looks[Scene.Look].Colour;

    public static ImageBuffer Draw(SceneAttributes scene, ulong seed, int size)
    {
        Stage stage = new(scene, seed, size);
        scene.Kind.Paint(stage);
        WeatherPainter.Fall(stage);
        return stage.Canvas.ToImage();
    }

    /// <summary>Paints sky, distance and ground.</summary>
    public void Surroundings()
    {
        Sky.Paint(this);
        Backdrop.Paint(this);
    }

    /// <summary>A little of a colour's neighbourhood, so that no two things are painted alike.</summary>
    public Colour Vary(Colour colour, double by = 0.05) => new(
        Math.Clamp(colour.R + Draws.Between(-by, by), 0, 1), Math.Clamp(colour.G + Draws.Between(-by, by), 0, 1), Math.Clamp(colour.B + Draws.Between(-by, by), 0, 1), colour.A);

    /// <summary>Pens for as many subjects as the scene has, side by side, the farther ones first and smaller.</summary>
    /// <param name="feet">Height of the nearest one's origin.</param>
    /// <param name="scale">Size of a single one.</param>
    public IEnumerable<Pen> Subjects(double feet, double scale)
    {
        int count = Scene.Count;
        double each = scale * (count == 1 ? Draws.Between(0.9, 1.1) : count == 2 ? 0.72 : 0.55);
        double middle = count == 1 ? Draws.Between(0.4, 0.6) : 0.5, flip = Draws.Chance(0.5) ? 1 : -1;
        for (int i = 0; i < count; i++)
        {
            double x = middle + (i - (count - 1) / 2.0) * (count == 2 ? 0.44 : 0.31) + (count == 1 ? 0 : Draws.Between(-0.03, 0.03));
            double y = feet + (count == 1 ? Draws.Between(-0.03, 0.03) : i % 2 * 0.05 - 0.03);
            yield return Near.At(x, y, each * Draws.Between(0.92, 1.08), flip: count == 1 || Draws.Chance(0.7) ? flip : -flip);
        }
    }
}
