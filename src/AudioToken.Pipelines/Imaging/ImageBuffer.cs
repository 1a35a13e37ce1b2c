using AudioToken.Tensors;

namespace AudioToken.Pipelines.Imaging;

/// <summary>A picture in memory: rows from the top, three bytes (red, green, blue) a pixel.</summary>
public sealed class ImageBuffer
{
    private readonly byte[] _rgb;

    /// <summary>Makes a picture that owns <paramref name="rgb"/>.</summary>
    /// <exception cref="ShapeException">The sizes are not positive, or do not fit the number of bytes.</exception>
    public ImageBuffer(int width, int height, byte[] rgb)
    {
        if (width < 1 || height < 1 || rgb.Length != 3L * width * height)
            throw new ShapeException($"ImageBuffer: {rgb.Length} bytes are no {width}×{height} picture of three bytes a pixel.");
        (Width, Height, _rgb) = (width, height, rgb);
    }

    /// <summary>Pixels in a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>The bytes, [Height, Width, 3].</summary>
    public ReadOnlySpan<byte> Rgb => _rgb;

    /// <summary>One row, [Width, 3].</summary>
    public ReadOnlySpan<byte> Row(int y) => _rgb.AsSpan(3 * Width * y, 3 * Width);
}
