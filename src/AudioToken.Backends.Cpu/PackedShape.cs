namespace AudioToken.Backends.Cpu;

/// <summary>Extents of a right-hand side that lies in panels: for each group, ceil(Columns / width) panels of [Depth][width].</summary>
/// <param name="Groups">Matrices that follow one another; 1 but for grouped convolutions.</param>
/// <param name="Columns">N of one group.</param>
/// <param name="Depth">K of one group.</param>
internal readonly record struct PackedShape(int Groups, int Columns, int Depth);
