using System.Runtime.CompilerServices;

namespace AudioToken.Backends.Cpu;

/// <summary>Rows that are needed soon, asked for a few at a time between pieces of other work: asked for all at once, they would wait for one another.</summary>
internal unsafe struct RowsAhead
{
    private readonly long _stride;
    private readonly int _columns;
    private readonly int _share;
    private float* _row;
    private int _left;

    /// <summary>None of the rows is asked for yet.</summary>
    /// <param name="first">The first row; it need not be a valid address, nor the others.</param>
    /// <param name="stride">Elements from row to row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Elements of a row.</param>
    /// <param name="meanwhile">Rows that are worked on meanwhile, eight or fewer a piece.</param>
    public RowsAhead(float* first, long stride, int rows, int columns, int meanwhile)
    {
        _row = first;
        _stride = stride;
        _columns = columns;
        _left = rows;
        int pieces = Math.Max(meanwhile / 8, 1);
        _share = (rows + pieces - 1) / pieces;
    }

    /// <summary>Asks for the share of one piece of work.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Ask()
    {
        for (int i = 0; i < _share && _left > 0; i++, _left--)
        {
            CacheLines.Ask(_row, _columns);
            _row += _stride;
        }
    }
}
