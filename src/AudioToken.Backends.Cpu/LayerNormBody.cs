using System.Runtime.Intrinsics;

namespace AudioToken.Backends.Cpu;

/// <summary>Normalises some rows: a part of <see cref="CpuOps.LayerNorm"/>.</summary>
internal unsafe struct LayerNormBody : IParallelBody
{
    private const int V = 8;

    public float* X;     // [Rows, Columns]
    public float* Gamma; // [Columns]
    public float* Beta;  // [Columns]
    public float* Y;     // [Rows, Columns]
    public long Rows;
    public int Columns;
    public int ChunkRows;
    public float Epsilon;

    public void Run(int index, int worker)
    {
        long first = (long)index * ChunkRows, last = Math.Min(first + ChunkRows, Rows);
        for (long row = first; row < last; row++)
            Normalise(X + row * Columns, Y + row * Columns);
    }

    private readonly void Normalise(float* x, float* y)
    {
        // Deviations are summed from the rounded mean; their own sum corrects mean and variance for that rounding.
        float rough = Sum(x) / Columns;
        (float deviation, float squares) = Deviations(x, rough);
        double shift = (double)deviation / Columns;
        float mean = (float)(rough + shift);
        float factor = (float)(1 / Math.Sqrt(Math.Max((squares / (double)Columns) - (shift * shift), 0) + Epsilon));
        int c = 0;
        Vector256<float> means = Vector256.Create(mean), factors = Vector256.Create(factor);
        for (; c + V <= Columns; c += V)
        {
            Vector256<float> normal = (Vector256.Load(x + c) - means) * factors;
            Vector256.MultiplyAddEstimate(normal, Vector256.Load(Gamma + c), Vector256.Load(Beta + c)).Store(y + c);
        }

        for (; c < Columns; c++)
            y[c] = ((x[c] - mean) * factor * Gamma[c]) + Beta[c];
    }

    private readonly float Sum(float* x)
    {
        Vector256<float> a = default, b = default;
        int c = 0;
        for (; c + 2 * V <= Columns; c += 2 * V)
        {
            a += Vector256.Load(x + c);
            b += Vector256.Load(x + c + V);
        }

        float sum = Vector256.Sum(a + b);
        for (; c < Columns; c++)
            sum += x[c];
        return sum;
    }

    private readonly (float Sum, float Squares) Deviations(float* x, float mean)
    {
        Vector256<float> means = Vector256.Create(mean), s0 = default, s1 = default, q0 = default, q1 = default;
        int c = 0;
        for (; c + 2 * V <= Columns; c += 2 * V)
        {
            Vector256<float> d0 = Vector256.Load(x + c) - means, d1 = Vector256.Load(x + c + V) - means;
            s0 += d0;
            s1 += d1;
            q0 = Vector256.MultiplyAddEstimate(d0, d0, q0);
            q1 = Vector256.MultiplyAddEstimate(d1, d1, q1);
        }

        float sum = Vector256.Sum(s0 + s1), squares = Vector256.Sum(q0 + q1);
        for (; c < Columns; c++)
        {
            float d = x[c] - mean;
            sum += d;
            squares += d * d;
        }

        return (sum, squares);
    }
}
