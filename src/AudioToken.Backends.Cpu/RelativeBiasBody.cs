namespace AudioToken.Backends.Cpu;

/// <summary>Writes one head's bias by distance for every pair of positions: a part of <see cref="CpuOps.RelativePositionBias"/>.</summary>
internal unsafe struct RelativeBiasBody : IParallelBody
{
    public WorkerPool Workers;
    public float* Table;  // [buckets, Heads]
    public int* Buckets;  // [2 Length - 1]: of each distance between a key and a query, from 1 - Length on
    public float* Y;      // [Heads, Length, Length]
    public int Heads;
    public int Length;

    public readonly void Run(int index, int worker)
    {
        int count = 2 * Length - 1;
        float* distances = (float*)Workers.Scratch(worker, (long)count * sizeof(float));
        for (int d = 0; d < count; d++)
            distances[d] = Table[(long)Buckets[d] * Heads + index];

        // Row i is a window into the values by distance: it starts at -i.
        float* row = Y + (long)index * Length * Length;
        for (int i = 0; i < Length; i++, row += Length)
            new ReadOnlySpan<float>(distances + Length - 1 - i, Length).CopyTo(new Span<float>(row, Length));
    }
}
