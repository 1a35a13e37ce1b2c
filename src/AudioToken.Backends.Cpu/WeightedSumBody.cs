using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>Adds some values of a sum's terms, each with its factor, in their order: a part of <see cref="CpuOps.WeightedSum"/>.</summary>
internal unsafe struct WeightedSumBody : IParallelBody
{
    private const int PartFloats = 32768;

    public float** Terms;
    public float* Factors;
    public int Count;
    public float* Y;
    public long Length;

    /// <summary>Number of parts.</summary>
    public readonly int Parts => checked((int)((Length + PartFloats - 1) / PartFloats));

    public readonly void Run(int index, int worker)
    {
        long start = (long)index * PartFloats;
        int count = (int)Math.Min(PartFloats, Length - start);
        Add(Terms, Factors, Count, start, new Span<float>(Y + start, count));
    }

    /// <summary>Adds the values from <paramref name="start"/> on.</summary>
    public static void Add(float** terms, float* factors, int count, long start, Span<float> sum)
    {
        ReadOnlySpan<float> before = new(terms[0] + start, sum.Length);
        if (count == 1 || factors[0] != 1)
        {
            TensorPrimitives.Multiply(before, factors[0], sum);
            before = sum;
        }

        for (int i = 1; i < count; i++, before = sum)
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(terms[i] + start, sum.Length), factors[i], before, sum);
    }
}
