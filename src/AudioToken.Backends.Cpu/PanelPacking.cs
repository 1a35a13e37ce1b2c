namespace AudioToken.Backends.Cpu;

/// <summary>Turns rows [column][in][tap] into panels [tap][in][column], a panel a part.</summary>
/// <param name="source">The row of the first column of the first panel.</param>
/// <param name="destination">The first panel of the group.</param>
/// <param name="packed">Layout of the panels.</param>
/// <param name="firstPanel">Panel of part 0.</param>
/// <param name="taps">Kernel positions; 1 for a plain matrix.</param>
internal readonly unsafe struct PanelPacking(float* source, float* destination, PackedShape packed, int firstPanel, int taps) : IParallelBody
{
    private readonly float* _source = source;
    private readonly float* _destination = destination;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int panel = firstPanel + index, depth = packed.Depth, inputs = depth / taps;
        int width = packed.Vectors(panel) * packed.VectorWidth;
        int columns = Math.Min(width, packed.Columns - panel * packed.PanelWidth);
        float* to = _destination + packed.PanelOffset(panel);
        float* rows = _source + (long)index * packed.PanelWidth * depth;
        for (int tap = 0; tap < taps; tap++)
        {
            for (int i = 0; i < inputs; i++, to += width)
            {
                float* from = rows + (long)i * taps + tap;
                int c = 0;
                for (; c < columns; c++, from += depth)
                    to[c] = *from;
                for (; c < width; c++)
                    to[c] = 0;
            }
        }
    }
}
