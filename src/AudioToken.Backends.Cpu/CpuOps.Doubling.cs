using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    // What is summed at a time stays near the third-level cache.
    private const int SummedFloats = 4 << 20;

    // A run of columns packs its rows anew.
    private const int FewestSummedColumns = 128;

    // A convolution of a doubled map, by runs of columns.
    private void Doubled(CpuWeight weight, GemmProblem problem, ConvWindows windows)
    {
        PackedShape packed = weight.Packed;
        Doubling job = new() { Weight = weight.Values, Packed = packed };
        int depth = Doubling.Phases * job.Depth;
        int mostColumns = Math.Min(packed.Columns, Math.Max(FewestSummedColumns, SummedFloats / (Doubling.Phases * depth)) / packed.PanelWidth * packed.PanelWidth);
        PackedShape widest = new(Doubling.Phases, mostColumns, depth, packed.VectorWidth);
        using TensorScope scope = Scope();
        job.Sums = Working(widest.Floats);
        for (int column = 0; column < packed.Columns; column += mostColumns)
        {
            job.FirstPanel = column / packed.PanelWidth;
            job.Summed = widest with { Columns = Math.Min(mostColumns, packed.Columns - column) };
            _engine.SumTaps(_workers, job);
            GemmProblem run = problem;
            run.Weight = new RestingValues(job.Sums);
            run.Packed = job.Summed;
            run.FirstColumn = column;
            _engine.Multiply(_workers, run, windows);
        }
    }
}
