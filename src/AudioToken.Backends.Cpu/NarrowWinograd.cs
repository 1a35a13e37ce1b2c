using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>The same as <see cref="WinogradJob"/> of few channels: all transformed filters fit the second-level cache, so that a few tiles are transformed,
/// multiplied and transformed back at once, and nothing that is transformed leaves a thread's cache.</summary>
internal unsafe struct NarrowWinograd
{
    /// <summary>Tiles of a part: two heights of the kernel.</summary>
    public const int PartTiles = 28;

    // Finishing four results at a time costs what fewer columns save.
    private const int FewestFinishedColumns = 32;

    private const int MostColumns = 64, FewestPixels = 256;

    public WinogradJob Windows; // the convolution of one source
    public float* Filters;      // [panels][points], each [Depth][width]
    public int Tiles;           // of all samples

    /// <summary>Parts of the tiles.</summary>
    public readonly int Parts => (Tiles + PartTiles - 1) / PartTiles;

    /// <summary>Floats from the filters of one point to those of the next.</summary>
    public readonly long FilterStride => CacheLines.Apart((long)Windows.Depth * Windows.Packed.PanelWidth);

    /// <summary>Floats of the filters of one panel.</summary>
    public readonly long PanelFloats => WinogradJob.MostPoints * FilterStride;

    /// <summary>Whether a convolution has the form, and gains by it.</summary>
    public static bool Suits(int channels, Shape weight, in ConvGeometry geometry, int height, int width, int vectorWidth, bool plain) =>
        weight[2] == 3 && weight[3] == 3 && (plain || weight[0] >= FewestFinishedColumns)
        && geometry is { Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1 }
        && channels is 16 or 32 or 64 && channels % vectorWidth == 0 && weight[0] <= MostColumns && weight[0] % vectorWidth == 0 && height * width >= FewestPixels;
}

/// <summary>First pass: the filters of one panel, transformed.</summary>
internal readonly unsafe struct NarrowWinogradFilters<TLanes, TVector>(NarrowWinograd job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly NarrowWinograd _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int depth = _job.Windows.Depth, count = depth * _job.Windows.Packed.Vectors(index) * TLanes.Count;
        TVector* part = (TVector*)workers.Scratch(worker, ((long)WinogradJob.MostPoints * sizeof(TVector)) + ((long)NineTaps.Taps * count * sizeof(float)));
        NineTaps taps = NineTaps.Of<TLanes, TVector>(_job.Windows.Weight, _job.Windows.Packed, index, 0, depth, (float*)(part + WinogradJob.MostPoints));
        float* to = _job.Filters + index * _job.PanelFloats;
        for (int at = 0; at < count; at += TLanes.Count)
            Winograd<TLanes, TVector>.FilterTile(0, taps.From + at, taps.Tap, to + at, _job.FilterStride, part);
    }
}

/// <summary>Second pass: the outputs of some tiles.</summary>
/// <param name="job">The convolution.</param>
/// <param name="workers">Owner of the buffers.</param>
/// <param name="tallest">The most rows of a kernel whose sums the registers hold.</param>
internal readonly unsafe struct NarrowWinogradOutputs<TLanes, TVector, TDistance>(NarrowWinograd job, WorkerPool workers, int tallest) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
    where TDistance : struct, IRowDistance
{
    private readonly NarrowWinograd _job = job;
    private readonly bool _plain = job.Windows.Epilogue is { Bias: null, Shift: null, Residual: null, Activation: Activation.None, Scale: 1 };

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        const int Points = WinogradJob.MostPoints, Outputs = 16;
        PackedShape packed = _job.Windows.Packed;
        int first = index * NarrowWinograd.PartTiles, count = Math.Min(NarrowWinograd.PartTiles, _job.Tiles - first), depth = TDistance.Floats;
        long inputStride = CacheLines.Apart((long)NarrowWinograd.PartTiles * depth), sumStride = CacheLines.Apart((long)NarrowWinograd.PartTiles * packed.PanelWidth);
        TVector* part = (TVector*)workers.Scratch(
            worker, ((long)Points * sizeof(TVector)) + (((Points * (inputStride + sumStride)) + ((long)Outputs * packed.PanelWidth)) * sizeof(float)));
        float* inputs = (float*)(part + Points), sums = inputs + Points * inputStride, outputs = sums + Points * sumStride;
        float** pixels = stackalloc float*[Points];
        for (int tile = 0; tile < count; tile++)
        {
            (long sample, int y, int x) = _job.Windows.At(first + tile);
            _job.Windows.Pixels(_job.Windows.X, depth, sample, y, x, pixels);
            for (int c = 0; c < depth; c += TLanes.Count)
                Winograd<TLanes, TVector>.InputTile(pixels, c, inputs + (long)tile * depth + c, inputStride, part);

            // The results are far away, in short runs: by the time they are written they are here.
            int rows = Math.Min(_job.Windows.Side, _job.Windows.Height - y), floats = Math.Min(_job.Windows.Side, _job.Windows.Width - x) * packed.Columns;
            CacheLines.Ask(Output(sample, y, x), (long)_job.Windows.Width * packed.Columns, rows, floats);
        }

        for (int panel = 0; panel < packed.Panels; panel++)
        {
            int vectors = packed.Vectors(panel), width = vectors * TLanes.Count;
            for (int point = 0; point < Points; point++)
            {
                float* filter = _job.Filters + panel * _job.PanelFloats + point * _job.FilterStride, a = inputs + point * inputStride;
                for (int tile = 0; tile < count;)
                {
                    float* rows = a + (long)tile * depth;
                    tile += MicroKernel<TLanes, TVector>.Run<TDistance>(
                        count - tile, tallest, vectors, rows, filter, depth, sums + point * sumStride + (long)tile * width, first: true, (byte*)rows);
                }
            }

            for (int tile = 0; tile < count; tile++)
            {
                for (int c = 0; c < width; c += TLanes.Count)
                    Winograd<TLanes, TVector>.OutputTile(sums + (long)tile * width + c, (int)sumStride, outputs + c, width, part);
                if (_plain)
                    Store(first + tile, panel * packed.PanelWidth, outputs, width);
                else
                    _job.Windows.Finish<TLanes, TVector>(first + tile, panel, outputs, width);
            }
        }
    }

    private float* Output(long sample, int y, int x) => _job.Windows.Output + ((sample * _job.Windows.Height + y) * _job.Windows.Width + x) * _job.Windows.Packed.Columns;

    // Outputs [16, width] that lie within the result.
    private void Store(int tile, int column, float* outputs, int width)
    {
        (long sample, int y, int x) = _job.Windows.At(tile);
        int side = _job.Windows.Side, columns = _job.Windows.Packed.Columns, tall = Math.Min(side, _job.Windows.Height - y), wide = Math.Min(side, _job.Windows.Width - x);
        float* to = Output(sample, y, x) + column;
        for (int i = 0; i < tall; i++, to += (long)_job.Windows.Width * columns)
        {
            for (int j = 0; j < wide; j++)
            {
                float* from = outputs + (i * side + j) * width;
                for (int c = 0; c < width; c += TLanes.Count)
                    TLanes.Store(TLanes.Load(from + c), to + (long)j * columns + c);
            }
        }
    }
}
