namespace AudioToken.Tensors;

/// <summary>Moves values between the layout of files and traces, [B, C, H, W], and the one in which everything is computed, [B, H, W, C].</summary>
/// <remarks>For the doors only; in between nothing is ever transposed.</remarks>
public static class ChannelLayout
{
    /// <summary>[B, C, pixels] to [B, pixels, C].</summary>
    /// <param name="source">B * C * pixels values.</param>
    /// <param name="destination">As many values; must not overlap the source.</param>
    /// <param name="channels">C.</param>
    /// <param name="pixels">H * W.</param>
    /// <exception cref="ShapeException">The counts do not fit.</exception>
    public static void ToChannelsLast(ReadOnlySpan<float> source, Span<float> destination, int channels, int pixels) =>
        Transpose(source, destination, channels, pixels, nameof(ToChannelsLast));

    /// <summary>[B, pixels, C] to [B, C, pixels].</summary>
    /// <param name="source">B * pixels * C values.</param>
    /// <param name="destination">As many values; must not overlap the source.</param>
    /// <param name="channels">C.</param>
    /// <param name="pixels">H * W.</param>
    /// <exception cref="ShapeException">The counts do not fit.</exception>
    public static void ToChannelsFirst(ReadOnlySpan<float> source, Span<float> destination, int channels, int pixels) =>
        Transpose(source, destination, pixels, channels, nameof(ToChannelsFirst));

    // [B, rows, columns] to [B, columns, rows].
    private static void Transpose(ReadOnlySpan<float> source, Span<float> destination, int rows, int columns, string operation)
    {
        long sample = (long)rows * columns;
        if (rows < 1 || columns < 1 || source.Length % sample != 0 || destination.Length != source.Length || source.Overlaps(destination))
            throw new ShapeException($"{operation}: {source.Length} values to {destination.Length} in samples of {rows} x {columns}.");
        for (int start = 0; start < source.Length; start += (int)sample)
        {
            for (int row = 0; row < rows; row++)
            {
                ReadOnlySpan<float> line = source.Slice(start + row * columns, columns);
                for (int column = 0; column < columns; column++)
                    destination[start + column * rows + row] = line[column];
            }
        }
    }
}
