using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>One matrix product, or several that share a result of joined columns: for each group g,
/// result[:, g N ... (g + 1) N) = epilogue(A_g B_g).</summary>
internal unsafe struct GemmProblem
{
    /// <summary>M.</summary>
    public long Rows;

    /// <summary>The right-hand side in panels.</summary>
    public RestingValues Weight;

    /// <summary>How it lies.</summary>
    public PackedShape Packed;

    /// <summary>The result, [M, groups * N], or [M, N / 2] for GEGLU.</summary>
    public float* Output;

    /// <summary>Floats from one row of the result to the next.</summary>
    public long OutputStride;

    /// <summary>What is done to the sums.</summary>
    public TileEpilogue Epilogue;

    /// <summary>Where in the result the columns begin, if they are a run of several.</summary>
    public int FirstColumn;

    /// <summary>If not 0: the rows are the pixels of maps of this width, and the groups do not share a result of joined columns but are the four results
    /// that replace a pixel in maps of twice the sides: above left, above right, below left, below right.</summary>
    public int DoubledWidth;

    /// <summary>Whether half of the columns are gates of the other half.</summary>
    public readonly bool IsGated => Epilogue.Activation == Activation.Geglu;

    /// <summary>The row of the result in which a row's sums belong.</summary>
    public readonly long ResultRow(int group, long row) => DoubledWidth == 0 ? row : Doubling.ResultRow(row, DoubledWidth, group);
}
