using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>Gives some values of a tensor those of a sum, of which it may be a term: a part of <see cref="CpuOps.Advance"/>.</summary>
internal unsafe struct AssignedSumBody : IParallelBody
{
    private const int PartFloats = 32768, BlockFloats = 2048;

    public float** Terms;
    public float* Factors;
    public int Count;
    public float* Y;
    public long Length;

    /// <summary>Largest magnitude of a value; infinite for none.</summary>
    public float Limit;

    /// <summary>Number of parts.</summary>
    public readonly int Parts => checked((int)((Length + PartFloats - 1) / PartFloats));

    public readonly void Run(int index, int worker)
    {
        Span<float> block = stackalloc float[BlockFloats];
        long end = Math.Min(Length, (index + 1L) * PartFloats);
        for (long start = (long)index * PartFloats; start < end; start += BlockFloats)
        {
            Span<float> sum = block[..(int)Math.Min(BlockFloats, end - start)];
            WeightedSumBody.Add(Terms, Factors, Count, start, sum);
            if (float.IsFinite(Limit))
                TensorPrimitives.Clamp(sum, -Limit, Limit, sum);
            sum.CopyTo(new Span<float>(Y + start, sum.Length));
        }
    }
}
