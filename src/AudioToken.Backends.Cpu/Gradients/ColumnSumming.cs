using System.Runtime.Intrinsics;

namespace AudioToken.Backends.Cpu;

/// <summary>Sums of each column over a block of the rows of a sample, a block a part.</summary>
/// <remarks>Blocks, so that a long column does not lose digits; they depend on the shape alone.</remarks>
internal readonly unsafe struct ColumnSumming(float* x, float* partial, int rows, int columns) : IParallelBody
{
    private const int BlockRows = 256;
    private readonly float* _x = x;
    private readonly float* _partial = partial; // [samples, blocks, columns]

    /// <summary>Blocks of a sample.</summary>
    public static int Blocks(int rows) => (rows + BlockRows - 1) / BlockRows;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int sample, int block) = Math.DivRem(index, Blocks(rows));
        int start = block * BlockRows, count = Math.Min(BlockRows, rows - start), c = 0;
        float* from = _x + ((long)sample * rows + start) * columns, to = _partial + (long)index * columns;
        if (Vector512.IsHardwareAccelerated)
            c = Sum<Lanes512, Vector512<float>>(from, count, c, to);
        c = Sum<Lanes256, Vector256<float>>(from, count, c, to);
        Sum<Lanes1, float>(from, count, c, to);
    }

    // From column c on as far as whole vectors go; returns where it stopped.
    private int Sum<TLanes, TVector>(float* from, int count, int c, float* to)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        for (; c + 4 * TLanes.Count <= columns; c += 4 * TLanes.Count)
        {
            TVector zero = TLanes.Create(0), s0 = zero, s1 = zero, s2 = zero, s3 = zero;
            float* at = from + c;
            for (int row = 0; row < count; row++, at += columns)
            {
                s0 = TLanes.Add(s0, TLanes.Load(at));
                s1 = TLanes.Add(s1, TLanes.Load(at + TLanes.Count));
                s2 = TLanes.Add(s2, TLanes.Load(at + 2 * TLanes.Count));
                s3 = TLanes.Add(s3, TLanes.Load(at + 3 * TLanes.Count));
            }

            TLanes.Store(s0, to + c);
            TLanes.Store(s1, to + c + TLanes.Count);
            TLanes.Store(s2, to + c + 2 * TLanes.Count);
            TLanes.Store(s3, to + c + 3 * TLanes.Count);
        }

        for (; c + TLanes.Count <= columns; c += TLanes.Count)
        {
            TVector sum = TLanes.Create(0);
            float* at = from + c;
            for (int row = 0; row < count; row++, at += columns)
                sum = TLanes.Add(sum, TLanes.Load(at));
            TLanes.Store(sum, to + c);
        }

        return c;
    }
}
