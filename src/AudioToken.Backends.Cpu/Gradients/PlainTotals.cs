using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>Adds up the slices of a weight's gradient, which lie as the result does; some values a part.</summary>
/// <param name="sums">[slices, count].</param>
/// <param name="slices">At least 1.</param>
/// <param name="count">Values of the result.</param>
/// <param name="result">The result.</param>
internal readonly unsafe struct PlainTotals(float* sums, int slices, long count, float* result) : IParallelBody
{
    private const int PartValues = 2048;
    private readonly float* _sums = sums, _result = result;

    /// <summary>Number of parts.</summary>
    public int Parts => checked((int)((count + PartValues - 1) / PartValues));

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        long first = (long)index * PartValues;
        Span<float> to = new(_result + first, (int)Math.Min(PartValues, count - first));
        ReadOnlySpan<float> sum = new(_sums + first, to.Length);
        for (int slice = 1; slice < slices; slice++)
        {
            TensorPrimitives.Add(sum, new ReadOnlySpan<float>(_sums + slice * count + first, to.Length), to);
            sum = to;
        }
    }
}
