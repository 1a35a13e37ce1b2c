namespace AudioToken.Backends.Cpu;

/// <summary>Extents of a right-hand side in panels: for each group ceil(Columns / 2 vectors) panels of [Depth][2 vectors], the last one
/// of [Depth][1 vector] where that holds what is left. Columns past the last are zero.</summary>
/// <param name="Groups">Matrices that follow one another; 1 but for grouped convolutions.</param>
/// <param name="Columns">N of one group.</param>
/// <param name="Depth">K of one group.</param>
/// <param name="VectorWidth">Floats in a vector of the kernel that reads it.</param>
internal readonly record struct PackedShape(int Groups, int Columns, int Depth, int VectorWidth)
{
    /// <summary>Columns of a full panel.</summary>
    public int PanelWidth => 2 * VectorWidth;

    /// <summary>Panels of one group.</summary>
    public int Panels => (Columns + PanelWidth - 1) / PanelWidth;

    /// <summary>Floats of one group.</summary>
    public long GroupFloats => Panels == 0 ? 0 : ((long)(Panels - 1) * PanelWidth + Vectors(Panels - 1) * VectorWidth) * Depth;

    /// <summary>Floats of all groups.</summary>
    public long Floats => checked(GroupFloats * Groups);

    /// <summary>Vectors in a row of one panel: 2, or 1 in a last panel that is at most half full.</summary>
    public int Vectors(int panel) => Columns - panel * PanelWidth <= VectorWidth ? 1 : 2;

    /// <summary>Where a panel begins, in floats from the first of its group.</summary>
    public long PanelOffset(int panel) => (long)panel * PanelWidth * Depth;
}
