using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>Gradients of some normalised rows: a part of <see cref="CpuOps.LayerNormGradients"/>.</summary>
internal unsafe struct LayerNormGradientBody : IParallelBody
{
    public WorkerPool Workers;
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
        Span<float> normal = new(Workers.Scratch(worker, 2L * Columns * sizeof(float)), Columns);
        Span<float> pull = new((float*)Workers.Scratch(worker, 2L * Columns * sizeof(float)) + Columns, Columns);
        ReadOnlySpan<float> gamma = new(Gamma, Columns);
        Span<float> products = new(Partial + (long)index * Columns, Columns), sums = new(Partial + ((long)Chunks + index) * Columns, Columns);
        products.Clear();
        sums.Clear();
        long first = (long)index * ChunkRows, last = Math.Min(first + ChunkRows, Rows);
        for (long row = first; row < last; row++)
        {
            ReadOnlySpan<float> dy = new(Dy + row * Columns, Columns);
            float inverse = Normalise(new ReadOnlySpan<float>(X + row * Columns, Columns), normal);
            TensorPrimitives.MultiplyAdd(dy, normal, products, products);
            TensorPrimitives.Add(sums, dy, sums);

            // dx = (gamma dy - mean(gamma dy) - n mean(gamma dy n)) / deviation
            Span<float> dx = new(Dx + row * Columns, Columns);
            TensorPrimitives.Multiply(dy, gamma, dx);
            float mean = TensorPrimitives.Sum(dx) / Columns, along = TensorPrimitives.Dot(dx, normal) / Columns;
            TensorPrimitives.Multiply(normal, along, pull);
            TensorPrimitives.Add(pull, mean, pull);
            TensorPrimitives.Subtract(dx, pull, dx);
            TensorPrimitives.Multiply(dx, inverse, dx);
        }
    }

    // Twice the mean is taken out: the second time it is what rounding left of the first.
    private readonly float Normalise(ReadOnlySpan<float> x, Span<float> normal)
    {
        TensorPrimitives.Subtract(x, TensorPrimitives.Sum(x) / Columns, normal);
        TensorPrimitives.Subtract(normal, TensorPrimitives.Sum<float>(normal) / Columns, normal);
        float inverse = (float)(1 / Math.Sqrt((TensorPrimitives.SumOfSquares<float>(normal) / (double)Columns) + Epsilon));
        TensorPrimitives.Multiply(normal, inverse, normal);
        return inverse;
    }
}
