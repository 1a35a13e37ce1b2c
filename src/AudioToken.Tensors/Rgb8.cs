namespace AudioToken.Tensors;

/// <summary>A picture's values as bytes.</summary>
public static class Rgb8
{
    /// <summary>clamp(x / 2 + 0.5, 0, 1) · 255, to the nearest, halves to even.</summary>
    /// <param name="value">Finite, nominally in [-1, 1].</param>
    public static byte Of(float value) => (byte)MathF.Round(Math.Clamp(value / 2 + 0.5f, 0f, 1f) * 255f);
}
