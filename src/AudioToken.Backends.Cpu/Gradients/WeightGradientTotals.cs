using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace AudioToken.Backends.Cpu;

/// <summary>Adds up the slices of a weight's gradient and writes them in the order of the weight's file, [output][channel][tap]; some outputs a part.</summary>
/// <param name="workers">Owner of the buffers.</param>
/// <param name="job">Whose sums these are.</param>
/// <param name="result">[Outputs, channels, taps].</param>
/// <param name="taps">Of the weight.</param>
/// <param name="add">Whether the result holds something already.</param>
internal readonly unsafe struct WeightGradientTotals(WorkerPool workers, WeightGradientJob job, float* result, int taps, bool add) : IParallelBody
{
    private readonly WeightGradientJob _job = job;
    private readonly float* _result = result;

    private const int PartOutputs = 16;

    /// <summary>Number of parts.</summary>
    public int Parts => (_job.Outputs + PartOutputs - 1) / PartOutputs;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        for (int output = index * PartOutputs; output < Math.Min(_job.Outputs, (index + 1) * PartOutputs); output++)
            Write(output, worker);
    }

    private void Write(int output, int worker)
    {
        int columns = _job.Packed.Columns, all = columns * _job.Taps, slices = _job.Slices;
        float* row = (float*)workers.Scratch(worker, 2L * all * sizeof(float)), turned = row + all; // [tap][channel], [channel][tap]
        for (int panel = 0; panel < _job.Packed.Panels; panel++)
        {
            int first = panel * _job.Packed.PanelWidth, width = _job.Packed.Vectors(panel) * _job.Packed.VectorWidth;
            for (int tap = 0; tap < _job.Taps; tap++)
            {
                Span<float> sum = new(row + (long)tap * columns + first, Math.Min(width, columns - first));
                float* from = _job.Sums + _job.UnitOffset(panel, tap) + (long)output * _job.SumStride(panel);
                new ReadOnlySpan<float>(from, sum.Length).CopyTo(sum);
                for (int slice = 1; slice < slices; slice++)
                    TensorPrimitives.Add(sum, new ReadOnlySpan<float>(from + slice * _job.SliceFloats, sum.Length), sum);
            }
        }

        if (taps > 1)
            Transposition.Transpose(row, all / taps, taps, all / taps, turned, taps);
        ReadOnlySpan<float> total = new(taps > 1 ? turned : row, all);
        Span<float> to = new(_result + (long)output * all, all);
        if (add)
            TensorPrimitives.Add(to, total, to);
        else
            total.CopyTo(to);
    }
}
