namespace AudioToken.Backends.Cpu;

/// <summary>Writes rows into panels [depth][columns], a row being one depth: the right-hand side of a weight gradient. Some rows a part.</summary>
/// <param name="workers">Owner of the buffers in which rows are gathered.</param>
/// <param name="rows">Where the rows come from.</param>
/// <param name="group">Which of its matrices.</param>
/// <param name="first">The first row.</param>
/// <param name="destination">The panels.</param>
/// <param name="packed">Their layout, of one group; its depth is the number of rows.</param>
internal readonly unsafe struct SourcePanels<TSource>(
    WorkerPool workers, TSource rows, int group, long first, float* destination, PackedShape packed) : IParallelBody
    where TSource : struct, IRowSource
{
    private const int PartRows = 32;
    private readonly float* _destination = destination;

    /// <summary>Number of parts.</summary>
    public int Parts => (packed.Depth + PartRows - 1) / PartRows;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int start = index * PartRows, count = Math.Min(PartRows, packed.Depth - start);
        float* gathered = (float*)workers.Scratch(worker, (long)PartRows * packed.Columns * sizeof(float));
        rows.Pack(group, first + start, count, 0, packed.Columns, gathered, packed.Columns);
        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int column = panel * packed.PanelWidth, width = packed.Vectors(panel) * packed.VectorWidth;
            int columns = Math.Min(width, packed.Columns - column);
            float* to = _destination + packed.PanelOffset(panel) + (long)start * width;
            for (int r = 0; r < count; r++, to += width)
            {
                new ReadOnlySpan<float>(gathered + (long)r * packed.Columns + column, columns).CopyTo(new Span<float>(to, width));
                new Span<float>(to + columns, width - columns).Clear();
            }
        }
    }
}
