namespace AudioToken.Backends.Cpu;

/// <summary>The gradient of a weight by products over the positions of a map: dw[o][tap][c] = sum over p of dy[p][o] x[p + tap][c].</summary>
/// <remarks>The result is small and the sum long, so the positions are cut into slices, each with sums of its own, which are added at the end in
/// their order: how many there are depends on shapes alone, and so do the results' last digits.</remarks>
internal unsafe struct WeightGradientJob
{
    /// <summary>Positions at a time: a panel of the right-hand side as long stays in the first-level cache.</summary>
    public const int PieceLength = 160;

    private const int BlockOutputs = 140;
    private const int MostSlices = 16, SlicePositions = 512, Parts = 24;
    private const long MostFloats = 1 << 20;

    /// <summary>The gradient of the result; a pixel's values lie side by side.</summary>
    public float* Dy;

    /// <summary>Floats from one pixel of dy to the next.</summary>
    public long DyStride;

    /// <summary>Values of a pixel of dy.</summary>
    public int Outputs;

    /// <summary>The input as it lies, one position a row, of which a part packs what it reads; null where there are panels. For a single tap.</summary>
    public float* Rows;

    /// <summary>The input in panels, one position a depth.</summary>
    public float* Panels;

    /// <summary>Their layout.</summary>
    public PackedShape Packed;

    /// <summary>Maps.</summary>
    public int Samples;

    /// <summary>Rows of a map of dy.</summary>
    public int Height;

    /// <summary>Pixels in a row of dy.</summary>
    public int Width;

    /// <summary>Positions in a row of the panels: those of dy, and what a window reaches beyond.</summary>
    public int PaddedWidth;

    /// <summary>Rows of a map in the panels.</summary>
    public int PaddedHeight;

    /// <summary>Shifts of the panels under dy; 1 where the columns of the panels are windows already.</summary>
    public int Taps;

    /// <summary>Shifts in a row of the kernel.</summary>
    public int KernelWidth;

    /// <summary>Sums: [Slices][panel][tap][Outputs][columns of the panel], or [Slices][Outputs][columns] where <see cref="IsPlain"/>.</summary>
    public float* Sums;

    /// <summary>Whether sums lie as the result does: a single tap, and panels without empty columns.</summary>
    public readonly bool IsPlain => Taps == 1 && Packed.Columns % Packed.VectorWidth == 0;

    /// <summary>Floats of the sums of one slice.</summary>
    public readonly long SliceFloats => (long)Taps * Outputs * (Packed.Floats / Math.Max(Packed.Depth, 1));

    /// <summary>Positions of a map from its first pixel of dy to its last.</summary>
    public readonly int Length => (Height - 1) * PaddedWidth + Width;

    /// <summary>Pieces of a map.</summary>
    public readonly int Pieces => (Length + PieceLength - 1) / PieceLength;

    /// <summary>Slices of the positions.</summary>
    public readonly int Slices => (int)Math.Clamp(
        Math.Min((long)Samples * Length / SlicePositions, MostFloats / Math.Max(SliceFloats, 1)), 1, Math.Min(MostSlices, Math.Max(1L, (long)Samples * Pieces)));

    /// <summary>Blocks of the outputs.</summary>
    public readonly int OutputBlocks => (Outputs + BlockOutputs - 1) / BlockOutputs;

    /// <summary>Panels, each at each shift.</summary>
    public readonly int Units => Packed.Panels * Taps;

    /// <summary>Runs of units, each a part.</summary>
    public readonly int UnitBlocks => Math.Clamp(Parts / (Slices * OutputBlocks), 1, Math.Max(1, Units));

    /// <summary>Where the sums of a unit begin within those of a slice; a unit is a panel at one shift.</summary>
    public readonly long UnitOffset(int panel, int tap) =>
        (IsPlain ? 1 : Outputs) * ((long)panel * Packed.PanelWidth * Taps + (long)tap * Packed.Vectors(panel) * Packed.VectorWidth);

    /// <summary>Floats from one output's sums of a panel to the next one's.</summary>
    public readonly int SumStride(int panel) => IsPlain ? Packed.Columns : Packed.Vectors(panel) * Packed.VectorWidth;
}
