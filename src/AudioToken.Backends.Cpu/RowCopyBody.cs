namespace AudioToken.Backends.Cpu;

/// <summary>Copies columns of some rows from one matrix to another: a part of <see cref="CpuOps.Concat"/> and of its way back.</summary>
internal unsafe struct RowCopyBody : IParallelBody
{
    private const int PartFloats = 32768;

    public float* From;
    public float* To;
    public long Rows;
    public int FromStride;
    public int ToStride;
    public int Columns;

    /// <summary>Number of parts.</summary>
    public readonly int Parts => checked((int)((Rows + PartRows - 1) / PartRows));

    private readonly long PartRows => Math.Max(1, PartFloats / Math.Max(Columns, 1));

    public readonly void Run(int index, int worker)
    {
        long first = index * PartRows, last = Math.Min(first + PartRows, Rows);
        float* from = From + first * FromStride, to = To + first * ToStride;
        for (long row = first; row < last; row++, from += FromStride, to += ToStride)
            new ReadOnlySpan<float>(from, Columns).CopyTo(new Span<float>(to, Columns));
    }
}
