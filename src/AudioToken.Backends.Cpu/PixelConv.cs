namespace AudioToken.Backends.Cpu;

/// <summary>A 3x3 convolution of a map of few channels: to gather its windows would take as long as their products, so that they are read where they lie.</summary>
internal unsafe struct PixelConv
{
    /// <summary>Rows and columns of a window.</summary>
    public const int Side = 3;

    /// <summary>Rows of results that a part computes: it copies those, and one more above and below, between edges of zeros.</summary>
    public const int PartRows = 4;

    private const int MostColumns = 64, FewestWidth = 8;

    public float* X; // [B, SourceHeight, SourceWidth, Channels]
    public int Channels;
    public int Samples;
    public int SourceHeight;
    public int SourceWidth;
    public int Top;  // zeros around the source
    public int Left;
    public int Height; // of the result
    public int Width;
    public float* Weight; // panels of [9 taps][Channels][width]
    public PackedShape Packed;
    public float* Output; // [B, Height, Width, N]
    public TileEpilogue Epilogue;

    /// <summary>Parts of a sample.</summary>
    public readonly int Bands => (Height + PartRows - 1) / PartRows;

    /// <summary>Whether a convolution of stride 1 has the form.</summary>
    public static bool Suits(int channels, int columns, int kernelHeight, int kernelWidth, int width) =>
        channels is 16 or 32 or 64 && columns <= MostColumns && kernelHeight == Side && kernelWidth == Side && width >= FewestWidth;
}

/// <summary>Some rows of results of one sample: a part of a <see cref="PixelConv"/>.</summary>
/// <param name="workers">Owner of the buffers.</param>
/// <param name="job">The convolution.</param>
/// <param name="tall">Whether the registers hold 16 sums and their operands.</param>
internal readonly unsafe struct PixelConvRows<TLanes, TVector, TDistance>(WorkerPool workers, PixelConv job, bool tall) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
    where TDistance : struct, IRowDistance
{
    private readonly PixelConv _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int sample, int band) = Math.DivRem(index, _job.Bands);
        int first = band * PixelConv.PartRows, rows = Math.Min(PixelConv.PartRows, _job.Height - first), line = (_job.Width + 2) * TDistance.Floats;
        float* copy = (float*)workers.Scratch(worker, (((long)rows + 2) * line + (long)_job.Width * _job.Packed.PanelWidth) * sizeof(float));
        float* tile = copy + ((long)rows + 2) * line;
        for (int row = 0; row < rows + 2; row++)
            CopyLine(sample, first + row - _job.Top, copy + (long)row * line);
        for (int panel = 0; panel < _job.Packed.Panels; panel++)
        {
            int vectors = _job.Packed.Vectors(panel), column = panel * _job.Packed.PanelWidth, columns = Math.Min(_job.Packed.PanelWidth, _job.Packed.Columns - column);
            for (int row = 0; row < rows; row++)
            {
                PixelKernel<TLanes, TVector, TDistance>.Run(
                    _job.Width, tall, vectors, copy + (long)row * line, line, PixelConv.Side, PixelConv.Side * TDistance.Floats, _job.Weight + _job.Packed.PanelOffset(panel), tile);
                long place = ((long)sample * _job.Height + first + row) * _job.Width;
                _job.Epilogue.FinishRows<TLanes, TVector>(place, _job.Width, column, columns, tile, null, vectors * TLanes.Count, _job.Output, _job.Packed.Columns);
            }
        }
    }

    // What the windows of a row of results see of a line, zeros beyond the edges.
    private void CopyLine(int sample, int y, float* to)
    {
        int floats = TDistance.Floats, all = (_job.Width + 2) * floats, left = _job.Left * floats;
        if ((uint)y >= (uint)_job.SourceHeight)
        {
            new Span<float>(to, all).Clear();
            return;
        }

        int length = Math.Min(_job.SourceWidth * floats, all - left);
        new Span<float>(to, left).Clear();
        new ReadOnlySpan<float>(_job.X + ((long)sample * _job.SourceHeight + y) * _job.SourceWidth * floats, length).CopyTo(new Span<float>(to + left, length));
        new Span<float>(to + left + length, all - left - length).Clear();
    }
}
