using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    // Products of a run of rows stay in the third-level cache.
    private const int TapFloats = 1 << 20;

    // A convolution of few results, by runs of rows of one sample.
    private void Narrow(NarrowConv job, CpuWeight weight, float* x, int samples)
    {
        using TensorScope scope = Scope();
        PackedShape packed = weight.Packed;
        int vector = packed.VectorWidth, channels = packed.Depth / NineTaps.Taps;
        job.Distance = (NineTaps.Taps * packed.Columns + vector - 1) / vector * vector;
        PackedShape taps = new(1, job.Distance, channels, vector);
        float* turned = Working(taps.Floats), room = Working(packed.Floats);
        if (!_counts)
            NarrowConv.Turn(_engine.Widen(weight.Values, checked((int)packed.Floats), room), packed, turned, taps);
        long line = (long)job.SourceWidth * job.Distance;
        int most = (int)Math.Clamp(TapFloats / Math.Max(1, line) - 2, 1, Math.Max(1, job.Height));
        job.Products = Working(Math.Min(most + 2, job.SourceHeight) * line);
        for (job.Sample = 0; job.Sample < samples; job.Sample++)
        {
            for (job.FirstRow = 0; job.FirstRow < job.Height; job.FirstRow += job.Rows)
            {
                job.Rows = Math.Min(most, job.Height - job.FirstRow);
                long first = ((long)job.Sample * job.SourceHeight + job.FirstSourceRow) * job.SourceWidth;
                GemmProblem problem = new()
                {
                    Rows = (long)(job.EndSourceRow - job.FirstSourceRow) * job.SourceWidth,
                    Packed = taps,
                    Weight = new RestingValues(turned),
                    Output = job.Products,
                    OutputStride = job.Distance,
                    Epilogue = TileEpilogue.None,
                };
                _engine.Multiply(_workers, problem, new MatrixRows(x + first * channels, channels, 0));
                _engine.AddTaps(_workers, job);
            }
        }
    }
}
