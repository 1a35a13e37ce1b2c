using System.Runtime.Intrinsics;

namespace AudioToken.Backends.Cpu;

/// <summary>Gradients of some normalised rows: a part of <see cref="CpuOps.LayerNormGradients"/>. With n the normalised value and g = gamma dy:
/// dx = (g - mean(g) - n mean(g n)) / deviation.</summary>
internal unsafe struct LayerNormGradientBody : IParallelBody
{
    public float* X;       // [Rows, Columns]
    public float* Gamma;   // [Columns]
    public float* Dy;      // [Rows, Columns]
    public float* Dx;      // [Rows, Columns]
    public float* Partial; // [2, Chunks, Columns]: sums of dy n and of dy
    public long Rows;
    public int Columns;
    public int ChunkRows;
    public int Chunks;
    public float Epsilon;

    public readonly void Run(int index, int worker)
    {
        // The widest vectors that a row holds without a rest; widths of models are multiples of all.
        if (Vector512.IsHardwareAccelerated && Columns % Lanes512.Count == 0)
            Run<Lanes512, Vector512<float>>(index);
        else if (Columns % Lanes256.Count == 0)
            Run<Lanes256, Vector256<float>>(index);
        else
            Run<Lanes1, float>(index);
    }

    private readonly void Run<TLanes, TVector>(int index)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        float* products = Partial + (long)index * Columns, sums = Partial + ((long)Chunks + index) * Columns;
        new Span<float>(products, Columns).Clear();
        new Span<float>(sums, Columns).Clear();
        long first = (long)index * ChunkRows, last = Math.Min(first + ChunkRows, Rows);
        for (long row = first; row < last; row++)
            Differentiate<TLanes, TVector>(X + row * Columns, Dy + row * Columns, products, sums, Dx + row * Columns);
    }

    private readonly void Differentiate<TLanes, TVector>(float* x, float* dy, float* products, float* sums, float* dx)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        (float mean, float inverse) = Statistics<TLanes, TVector>(x);
        TVector means = TLanes.Create(mean), inverses = TLanes.Create(inverse), level = TLanes.Create(0), along = level;
        for (int c = 0; c < Columns; c += TLanes.Count)
        {
            TVector normal = TLanes.Multiply(TLanes.Subtract(TLanes.Load(x + c), means), inverses), slope = TLanes.Load(dy + c);
            TLanes.Store(TLanes.MultiplyAdd(slope, normal, TLanes.Load(products + c)), products + c);
            TLanes.Store(TLanes.Add(TLanes.Load(sums + c), slope), sums + c);
            TVector g = TLanes.Multiply(slope, TLanes.Load(Gamma + c));
            level = TLanes.Add(level, g);
            along = TLanes.MultiplyAdd(g, normal, along);
        }

        level = TLanes.Create(TLanes.Sum(level) / Columns);
        along = TLanes.Create(TLanes.Sum(along) / Columns);
        for (int c = 0; c < Columns; c += TLanes.Count)
        {
            TVector normal = TLanes.Multiply(TLanes.Subtract(TLanes.Load(x + c), means), inverses);
            TVector g = TLanes.Multiply(TLanes.Load(dy + c), TLanes.Load(Gamma + c));
            TLanes.Store(TLanes.Multiply(TLanes.Subtract(g, TLanes.MultiplyAdd(normal, along, level)), inverses), dx + c);
        }
    }

    // Deviations are summed from the rounded mean; their own sum corrects mean and variance for that rounding.
    private readonly (float Mean, float Inverse) Statistics<TLanes, TVector>(float* x)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        TVector sum = TLanes.Create(0), squares = sum;
        for (int c = 0; c < Columns; c += TLanes.Count)
            sum = TLanes.Add(sum, TLanes.Load(x + c));
        float rough = TLanes.Sum(sum) / Columns;
        TVector means = TLanes.Create(rough);
        sum = TLanes.Create(0);
        for (int c = 0; c < Columns; c += TLanes.Count)
        {
            TVector deviation = TLanes.Subtract(TLanes.Load(x + c), means);
            sum = TLanes.Add(sum, deviation);
            squares = TLanes.MultiplyAdd(deviation, deviation, squares);
        }

        double shift = (double)TLanes.Sum(sum) / Columns, variance = (TLanes.Sum(squares) / (double)Columns) - (shift * shift);
        return ((float)(rough + shift), (float)(1 / Math.Sqrt(Math.Max(variance, 0) + Epsilon)));
    }
}
