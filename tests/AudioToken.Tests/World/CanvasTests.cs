using AudioToken.Pipelines.Imaging;
using AudioToken.World.Drawing;
using Xunit;

namespace AudioToken.Tests.World;

public sealed class CanvasTests
{
    [Fact]
    public void Box_CoversPixelsByTheirPart()
    {
        // A white box from x = 2.5 to 6 of 8 pixels and y = 1 to 4.5: edges at half coverage, a corner at a quarter.
        Canvas canvas = new(8);
        Pen.Over(canvas, Colour.White).Box(Colour.White, 2.5 / 8, 1.0 / 8, 3.5 / 8, 3.5 / 8);
        ImageBuffer image = canvas.ToImage();
        byte At(int x, int y) => image.Row(y)[3 * x];
        Assert.Equal((0, 128, 255, 255, 0), (At(1, 2), At(2, 2), At(3, 2), At(5, 2), At(6, 2)));
        Assert.Equal((0, 255, 128, 64, 0), (At(3, 0), At(3, 3), At(3, 4), At(2, 4), At(3, 5)));
    }

    [Fact]
    public void Shapes_HaveTheirArea()
    {
        Assert.Equal(Math.PI * 0.3 * 0.2, Area(pen => pen.Ellipse(Colour.White, 0.5, 0.5, 0.3, 0.2, 0.4)), 0.002); // a polygon of 32 corners lacks 0.6 %
        Assert.Equal(0.6 * 0.1 + Math.PI * 0.05 * 0.05, Area(pen => pen.Line(Colour.White, 0.1, 0.2, 0.5, 0.8, 0.5)), 0.003);
        // Pieces that cross unite: nothing is painted twice.
        Assert.Equal(0.5 * (0.6 * 0.1 * 2 - 0.1 * 0.1 + 2 * Math.PI * 0.05 * 0.05), Area(pen => pen.Line(Colour.White.Alpha(0.5), 0.1, 0.2, 0.5, 0.8, 0.5, 0.5, 0.5, 0.5, 0.2, 0.5, 0.8)), 0.003);
    }

    [Fact]
    public void Pens_TurnMirrorAndScale()
    {
        double Right(double flip) => Area(pen => pen.At(0.5, 0.5, 0.5, flip: flip).Box(Colour.White, 0, -1, 1, 2), (x, _) => x >= 32);
        Assert.Equal((0.5, 0.0), (Right(1), Right(-1)));
        Assert.Equal(0.5, Area(pen => pen.At(0.5, 0.5, 0.5, Math.PI / 2).Box(Colour.White, 0, -1, 1, 2), (_, y) => y >= 32), 1e-9); // right turns down
    }

    [Fact]
    public void Gradients_GoFromColourToColour()
    {
        Canvas canvas = new(16);
        Pen.Over(canvas, new Colour(1, 0.5, 1)).Box(Paint.Vertical(0, Colour.Black, 1, Colour.White), 0, 0, 1, 1);
        ImageBuffer image = canvas.ToImage();
        for (int y = 0; y < 16; y++)
        {
            int level = (int)Math.Floor((y + 0.5) / 16 * 255 + 0.5), half = (int)Math.Floor((y + 0.5) / 16 * 127.5 + 0.5);
            Assert.Equal((level, half), (image.Row(y)[0], image.Row(y)[1])); // the light takes half the green
        }
    }

    private static double Area(Action<Pen> draw, Func<int, int, bool>? where = null)
    {
        Canvas canvas = new(64);
        draw(Pen.Over(canvas, Colour.White));
        ImageBuffer image = canvas.ToImage();
        double sum = 0;
        for (int i = 0; i < 64 * 64; i++)
            sum += where is null || where(i % 64, i / 64) ? image.Rgb[3 * i] / 255.0 : 0;
        return sum / (64 * 64);
    }
}
