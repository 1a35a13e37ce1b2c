namespace AudioToken.Backends.Cpu;

/// <summary>The columns of a matrix as rows: the left-hand side of a weight gradient.</summary>
/// <param name="data">First element of the first column.</param>
/// <param name="stride">Floats from one row of the matrix to the next.</param>
internal readonly unsafe struct TransposedRows(float* data, long stride) : IRowSource
{
    private readonly float* _data = data;

    /// <inheritdoc/>
    public void Pack(int group, long row, int rows, int start, int depth, float* destination, int destinationStride) =>
        Transposition.Transpose(_data + start * stride + row, stride, depth, rows, destination, destinationStride);
}
