using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>Sums of each column over the rows of a sample, a sample a part.</summary>
internal readonly unsafe struct ColumnSumming(WorkerPool workers, float* x, float* sums, int rows, int columns) : IParallelBody
{
    private readonly float* _x = x;
    private readonly float* _sums = sums;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        // Blocks, so that a long column does not lose digits.
        const int Block = 256;
        float* block = (float*)workers.Scratch(worker, (long)columns * sizeof(float));
        Span<float> to = new(_sums + (long)index * columns, columns), part = new(block, columns);
        to.Clear();
        for (int start = 0; start < rows; start += Block)
        {
            part.Clear();
            NormRows.Sum(_x + ((long)index * rows + start) * columns, Math.Min(Block, rows - start), columns, block);
            TensorPrimitives.Add(to, part, to);
        }
    }
}
