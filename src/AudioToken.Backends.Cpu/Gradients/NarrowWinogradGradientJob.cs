using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>The same as <see cref="WinogradGradientJob"/> of few channels: the sums of all filters fit one thread's cache, so that a few tiles are transformed and
/// multiplied at once, and nothing that is transformed leaves the cache.</summary>
/// <remarks>Tiles are cut into slices, each with sums of its own, which are added at the end in their order.</remarks>
internal unsafe struct NarrowWinogradGradientJob
{
    /// <summary>Tiles that are transformed and multiplied at once.</summary>
    public const int GroupTiles = 32;

    private const int MostSlices = 8, MostChannels = 64, FewestPixels = 256;

    public WinogradJob Windows; // the convolution's input: sources and sizes
    public float* Dy;           // [B, Height, Width, Outputs]
    public int Outputs;
    public int Tiles;           // of all samples
    public float* Sums;         // [Slices][Points], each panels of [Outputs][width]
    public float* Result;       // [Outputs, Depth, 9]

    /// <summary>Groups of tiles.</summary>
    public readonly int Groups => (Tiles + GroupTiles - 1) / GroupTiles;

    /// <summary>Slices of the groups.</summary>
    public readonly int Slices => Math.Min(MostSlices, Groups);

    /// <summary>Floats from the inputs of one point to those of the next.</summary>
    public readonly long InputStride => CacheLines.Apart((long)GroupTiles * Windows.Depth);

    /// <summary>Floats from the gradients of one point to those of the next.</summary>
    public readonly long SlopeStride => CacheLines.Apart((long)GroupTiles * Outputs);

    /// <summary>Floats from the sums of one point to those of the next.</summary>
    public readonly long SumStride => CacheLines.Apart((long)Outputs * Windows.Depth);

    /// <summary>Floats of the sums of a slice.</summary>
    public readonly long SliceFloats => WinogradJob.MostPoints * SumStride;

    /// <summary>Whether a convolution has the form.</summary>
    public static bool Suits(Shape x, int skipChannels, Shape weight, in ConvGeometry geometry, int height, int width, int vectorWidth) =>
        WinogradGradientJob.HasForm(x, skipChannels, weight, geometry, vectorWidth)
        && weight[0] <= MostChannels && weight[1] <= MostChannels && height * width >= FewestPixels;
}

/// <summary>Sums of one slice: a part.</summary>
internal readonly unsafe struct NarrowWinogradGradientProducts<TLanes, TVector>(NarrowWinogradGradientJob job, WorkerPool workers, bool tall) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly NarrowWinogradGradientJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        const int Points = WinogradJob.MostPoints, Group = NarrowWinogradGradientJob.GroupTiles;
        int depth = _job.Windows.Depth, first = (int)((long)_job.Groups * index / _job.Slices), last = (int)((long)_job.Groups * (index + 1) / _job.Slices);
        WinogradGradientTiles<TLanes, TVector> tiles = new()
        {
            Windows = _job.Windows,
            Dy = _job.Dy,
            Outputs = _job.Outputs,
            InputStride = _job.InputStride,
            SlopeStride = _job.SlopeStride,
        };
        TVector* part = (TVector*)workers.Scratch(worker, ((long)Points * sizeof(TVector)) + (Points * (_job.InputStride + _job.SlopeStride) * sizeof(float)));
        float* inputs = (float*)(part + Points), slopes = inputs + Points * _job.InputStride, sums = _job.Sums + index * _job.SliceFloats;
        for (int group = first; group < last; group++)
        {
            int count = Math.Min(Group, _job.Tiles - group * Group);
            for (int tile = 0; tile < count; tile++)
                tiles.Transform(group * Group + tile, inputs + (long)tile * depth, slopes + (long)tile * _job.Outputs, part);
            for (int point = 0; point < Points; point++)
            {
                for (int c = 0; c < depth; c += 2 * TLanes.Count)
                {
                    ColumnKernel<TLanes, TVector>.Run(
                        _job.Outputs, tall, Math.Min(2, (depth - c) / TLanes.Count), slopes + point * _job.SlopeStride, _job.Outputs, inputs + point * _job.InputStride + c, depth,
                        count, sums + point * _job.SumStride + (long)_job.Outputs * c, group == first);
                }
            }
        }
    }
}

/// <summary>Adds up the slices of one output, transforms them to taps and writes these in the order of the weight's file: a part.</summary>
internal readonly unsafe struct NarrowWinogradGradientTotals<TLanes, TVector>(NarrowWinogradGradientJob job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly NarrowWinogradGradientJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        const int Points = WinogradJob.MostPoints, Taps = NineTaps.Taps;
        int depth = _job.Windows.Depth;
        TVector* totals = (TVector*)workers.Scratch(worker, (2L * Points * sizeof(TVector)) + ((long)Taps * depth * sizeof(float)));
        TVector* part = totals + Points;
        float* taps = (float*)(part + Points); // [tap][channel]
        for (int c = 0; c < depth; c += TLanes.Count)
        {
            int panel = c / (2 * TLanes.Count) * 2 * TLanes.Count, width = Math.Min(2 * TLanes.Count, depth - panel);
            float* sums = _job.Sums + (long)_job.Outputs * panel + (long)index * width + c - panel;
            for (int point = 0; point < Points; point++, sums += _job.SumStride)
            {
                TVector total = TLanes.Load(sums);
                for (int slice = 1; slice < _job.Slices; slice++)
                    total = TLanes.Add(total, TLanes.Load(sums + slice * _job.SliceFloats));
                totals[point] = total;
            }

            WinogradGradient<TLanes, TVector>.TapTile((float*)totals, TLanes.Count, taps + c, depth, part);
        }

        Transposition.Transpose(taps, depth, Taps, depth, _job.Result + (long)index * depth * Taps, Taps);
    }
}
