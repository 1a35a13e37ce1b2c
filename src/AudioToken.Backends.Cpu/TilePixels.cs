namespace AudioToken.Backends.Cpu;

/// <summary>Where the pixels of a tile lie.</summary>
internal static unsafe class TilePixels
{
    /// <summary>A square of pixels of a map that is enlarged by the nearest pixel; null beyond the edge.</summary>
    /// <remarks>The nearest pixel is floor(i * size / enlarged). Maps that are not enlarged are spared the divisions, which would take as long as transforming few channels.</remarks>
    /// <param name="source">[B, sourceHeight, sourceWidth, channels].</param>
    /// <param name="channels">Floats of a pixel.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="sourceHeight">Rows of the source.</param>
    /// <param name="sourceWidth">Columns of the source.</param>
    /// <param name="height">Rows of the enlarged map.</param>
    /// <param name="width">Columns of the enlarged map.</param>
    /// <param name="top">First row of the square.</param>
    /// <param name="left">First column.</param>
    /// <param name="side">Rows and columns of the square.</param>
    /// <param name="pixels">Receives the addresses.</param>
    public static void Square(
        float* source, int channels, long sample, int sourceHeight, int sourceWidth, int height, int width, int top, int left, int side, float** pixels)
    {
        long* columns = stackalloc long[side];
        for (int j = 0; j < side; j++)
        {
            int x = left + j;
            columns[j] = (uint)x >= (uint)width ? -1 : (sourceWidth == width ? x : (long)x * sourceWidth / width) * channels;
        }

        source += sample * sourceHeight * sourceWidth * channels;
        for (int i = 0; i < side; i++, pixels += side)
        {
            int y = top + i;
            bool inside = (uint)y < (uint)height;
            float* row = source + (sourceHeight == height ? y : (long)y * sourceHeight / height) * sourceWidth * channels;
            for (int j = 0; j < side; j++)
                pixels[j] = inside && columns[j] >= 0 ? row + columns[j] : null;
        }
    }
}
