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
        Span<float> sum = new(Y + start, count);
        ReadOnlySpan<float> before = new(Terms[0] + start, count);
        if (Count == 1 || Factors[0] != 1)
        {
            TensorPrimitives.Multiply(before, Factors[0], sum);
            before = sum;
        }

        for (int i = 1; i < Count; i++, before = sum)
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(Terms[i] + start, count), Factors[i], before, sum);
    }
}
