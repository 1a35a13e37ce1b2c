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

    /// <summary>Rounds a decoder's output to bytes: clamp(x / 2 + 0.5, 0, 1) · 255, to the nearest, halves to even.</summary>
    /// <param name="values">[H, W, 3], nominally in [-1, 1].</param>
    /// <param name="width">W.</param>
    /// <param name="height">H.</param>
    /// <exception cref="NumericFaultException">A value is NaN or infinite: such a picture would come out black and pass for one.</exception>
    public static ImageBuffer FromFloat(ReadOnlySpan<float> values, int width, int height)
    {
        byte[] rgb = new byte[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                int pixel = i / 3;
                throw new NumericFaultException("image",
                    $"The image has {values[i].ToString(System.Globalization.CultureInfo.InvariantCulture)} at row {pixel / width}, column {pixel % width}, channel {i % 3}; its values must be finite.");
            }

            rgb[i] = (byte)MathF.Round(Math.Clamp(values[i] / 2 + 0.5f, 0f, 1f) * 255f);
        }

        return new ImageBuffer(width, height, rgb);
    }
}
