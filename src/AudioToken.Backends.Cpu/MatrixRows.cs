namespace AudioToken.Backends.Cpu;

/// <summary>Rows at a fixed distance; they may overlap, as the windows of a one-dimensional convolution do.</summary>
/// <param name="data">First element of the first row of group 0.</param>
/// <param name="rowStride">Floats from one row to the next.</param>
/// <param name="groupStride">Floats from one group to the next.</param>
internal readonly unsafe struct MatrixRows(float* data, long rowStride, long groupStride) : IRowSource
{
    private readonly float* _data = data;

    /// <summary>Floats from one row to the next.</summary>
    public long Stride => rowStride;

    /// <summary>The first element of a row.</summary>
    public float* Row(int group, long row) => _data + group * groupStride + row * rowStride;

    /// <inheritdoc/>
    public void Pack(int group, long row, int rows, int start, int depth, float* destination, int stride)
    {
        float* source = Row(group, row) + start;
        for (int r = 0; r < rows; r++, source += rowStride, destination += stride)
        {
            if (rowStride > depth)
                CacheLines.Ask(source + 2 * rowStride, depth);
            new ReadOnlySpan<float>(source, depth).CopyTo(new Span<float>(destination, depth));
        }
    }
}
