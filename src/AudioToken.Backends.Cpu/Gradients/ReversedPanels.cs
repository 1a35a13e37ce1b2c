namespace AudioToken.Backends.Cpu;

/// <summary>Turns the panels of a weight, depth [tap][in] and columns [out], into those of its data gradient: depth [tap, last first][out] and
/// columns [in]. A part is a panel of the result from a few panels of the weight.</summary>
/// <param name="engine">Widens what rests in a half type.</param>
/// <param name="source">The weight's panels.</param>
/// <param name="from">Their layout.</param>
/// <param name="destination">The result.</param>
/// <param name="to">Its layout, as many groups.</param>
/// <param name="taps">Kernel positions.</param>
internal readonly unsafe struct ReversedPanels(
    GemmEngine engine, RestingValues source, PackedShape from, float* destination, PackedShape to, int taps) : IParallelBody
{
    // Fewer are not worth a part.
    private const int PartPanels = 4;
    private readonly float* _destination = destination;

    /// <summary>Number of parts.</summary>
    public int Parts => checked(to.Groups * to.Panels * Blocks);

    private int Blocks => (from.Panels + PartPanels - 1) / PartPanels;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int rest, int block) = Math.DivRem(index, Blocks);
        (int group, int panel) = Math.DivRem(rest, to.Panels);
        int width = to.Vectors(panel) * to.VectorWidth, column = panel * to.PanelWidth;
        int columns = Math.Min(width, to.Columns - column);
        float* room = stackalloc float[to.PanelWidth * from.PanelWidth];
        float* result = _destination + group * to.GroupFloats + to.PanelOffset(panel);
        int first = block * PartPanels, last = Math.Min(first + PartPanels, from.Panels);
        for (int tap = 0; tap < taps; tap++)
        {
            long inputs = (long)(taps - 1 - tap) * to.Columns + column;
            for (int p = first; p < last; p++)
            {
                int wide = from.Vectors(p) * from.VectorWidth, outputs = Math.Min(wide, from.Columns - p * from.PanelWidth);
                float* values = engine.Widen(source.From(group * from.GroupFloats + from.PanelOffset(p) + inputs * wide), columns * wide, room);
                float* turned = result + ((long)tap * from.Columns + p * from.PanelWidth) * width;
                if (columns < width)
                    new Span<float>(turned, outputs * width).Clear();
                Transposition.Transpose(values, wide, columns, outputs, turned, width);
            }
        }
    }
}
