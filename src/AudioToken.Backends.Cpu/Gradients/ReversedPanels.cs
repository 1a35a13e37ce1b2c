namespace AudioToken.Backends.Cpu;

/// <summary>Turns the panels of a weight, depth [tap][in] and columns [out], into those of its data gradient: depth [tap, last first][out] and
/// columns [in]. A panel of the result a part.</summary>
/// <param name="engine">Widens what rests in a half type.</param>
/// <param name="source">The weight's panels.</param>
/// <param name="from">Their layout.</param>
/// <param name="destination">The result.</param>
/// <param name="to">Its layout, as many groups.</param>
/// <param name="taps">Kernel positions.</param>
internal readonly unsafe struct ReversedPanels(
    GemmEngine engine, RestingValues source, PackedShape from, float* destination, PackedShape to, int taps) : IParallelBody
{
    private readonly float* _destination = destination;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int group, int panel) = Math.DivRem(index, to.Panels);
        int width = to.Vectors(panel) * to.VectorWidth, column = panel * to.PanelWidth;
        int columns = Math.Min(width, to.Columns - column);
        float* room = stackalloc float[to.PanelWidth * from.PanelWidth];
        float* result = _destination + group * to.GroupFloats + to.PanelOffset(panel);
        if (columns < width)
            new Span<float>(result, checked(to.Depth * width)).Clear();
        for (int tap = 0; tap < taps; tap++)
        {
            long inputs = (long)(taps - 1 - tap) * to.Columns + column;
            for (int p = 0; p < from.Panels; p++)
            {
                int wide = from.Vectors(p) * from.VectorWidth, outputs = Math.Min(wide, from.Columns - p * from.PanelWidth);
                float* block = engine.Widen(source.From(group * from.GroupFloats + from.PanelOffset(p) + inputs * wide), columns * wide, room);
                Transposition.Transpose(block, wide, columns, outputs, result + ((long)tap * from.Columns + p * from.PanelWidth) * width, width);
            }
        }
    }
}
