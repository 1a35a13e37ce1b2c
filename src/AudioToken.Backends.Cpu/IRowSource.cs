namespace AudioToken.Backends.Cpu;

/// <summary>The left-hand side of a matrix product, which need not exist as a matrix: rows are gathered block by block.</summary>
internal unsafe interface IRowSource
{
    /// <summary>Writes elements [<paramref name="start"/>, <paramref name="start"/> + <paramref name="depth"/>) of consecutive rows.</summary>
    /// <param name="group">Which matrix, where there are several.</param>
    /// <param name="row">The first row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="start">First element of each row.</param>
    /// <param name="depth">Elements of each row.</param>
    /// <param name="destination">Receives row after row.</param>
    /// <param name="stride">Floats from one written row to the next.</param>
    void Pack(int group, long row, int rows, int start, int depth, float* destination, int stride);
}
