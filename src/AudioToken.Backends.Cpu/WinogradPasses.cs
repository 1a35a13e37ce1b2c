namespace AudioToken.Backends.Cpu;

/// <summary>First pass: the window of one tile, transformed.</summary>
internal readonly unsafe struct WinogradInputs<TTransforms, TLanes, TVector>(WinogradJob job, WorkerPool workers) : IParallelBody
    where TTransforms : struct, IWinogradTransforms<TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly WinogradJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        TVector* part = (TVector*)workers.Scratch(worker, (long)_job.Points * sizeof(TVector));
        Source(_job.X, _job.Channels, index, 0, part);
        if (_job.SkipChannels > 0)
            Source(_job.Skip, _job.SkipChannels, index, _job.Channels, part);
    }

    private void Source(float* source, int channels, int tile, int first, TVector* part)
    {
        (long sample, int y, int x) = _job.At(_job.FirstTile + tile);
        float** pixels = stackalloc float*[WinogradJob.MostPoints];
        _job.Pixels(source, channels, sample, y, x, pixels);
        for (int c = 0; c < channels; c += TLanes.Count)
            TTransforms.InputTile(pixels, c, _job.Input(tile, first + c), _job.PointFloats, part);
    }
}

/// <summary>Second pass: the outputs of one block of tiles in one panel of columns.</summary>
/// <remarks>A part of the filters is transformed, multiplied with the same part of all tiles, and forgotten: to write and read four times the weights' bytes
/// would take longer than the products. The sums of all parts stay in the cache until they are transformed back.</remarks>
internal readonly unsafe struct WinogradOutputs<TTransforms, TLanes, TVector>(WinogradJob job, WorkerPool workers, int tallest) : IParallelBody
    where TTransforms : struct, IWinogradTransforms<TVector>
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    // Results are asked for so many tiles before they are written.
    private const int TilesAhead = 4;

    private readonly WinogradJob _job = job;
    private readonly int _height = Math.Min(tallest, 8); // what tiles come in

    /// <summary>Number of parts.</summary>
    public int Parts => _job.Blocks * _job.Packed.Panels;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int block, int panel) = Math.DivRem(index, _job.Packed.Panels);
        int first = block * _job.BlockTiles, tiles = Math.Min(_job.BlockTiles, _job.Tiles - first);
        int width = _job.Packed.Vectors(panel) * TLanes.Count, points = _job.Points, outputsOfTile = _job.Side * _job.Side;

        // A line more than the points hold, for the reason of PointFloats.
        int filter = PartRows.MostDepth * width + CacheLines.Floats, sum = tiles * width + CacheLines.Floats;
        int taps = NineTaps.Taps * PartRows.MostDepth * width;
        float* filters = (float*)workers.Scratch(worker, ((long)points * (filter + sum + TLanes.Count) + outputsOfTile * width + taps) * sizeof(float));
        float* sums = filters + points * filter, outputs = sums + points * sum, room = outputs + outputsOfTile * width;
        TVector* part = (TVector*)(room + taps);
        for (int channel = 0; channel < _job.Depth; channel += PartRows.MostDepth)
        {
            int depth = Math.Min(PartRows.MostDepth, _job.Depth - channel);
            Transform(NineTaps.Of<TLanes, TVector>(_job.Weight, _job.Packed, panel, channel, depth, room), filters, filter, part);
            float* inputs = _job.Input(first, channel);
            for (int point = 0; point < points; point++)
            {
                byte* ahead = NineTaps.Lines(_job.Weight, _job.Packed, panel, channel + depth, point, depth);
                Multiply(inputs + point * _job.PointFloats, tiles, filters + point * filter, depth, width / TLanes.Count, sums + point * sum, channel == 0, ahead);
            }
        }

        for (int tile = 0; tile < tiles; tile++)
        {
            if (tile + TilesAhead < tiles)
                _job.AskForResults(first + tile + TilesAhead, panel, width);
            for (int c = 0; c < width; c += TLanes.Count)
                TTransforms.OutputTile(sums + tile * width + c, sum, outputs + c, width, part);
            _job.Finish<TLanes, TVector>(first + tile, panel, outputs, width);
        }
    }

    private void Transform(NineTaps taps, float* filters, int stride, TVector* part)
    {
        for (int at = 0; at < taps.Count; at += TLanes.Count)
            TTransforms.FilterTile(_job.Phase, taps.From + at, taps.Tap, filters + at, stride, part);
    }

    // The first rows ask for weights of the next part, the others for the rows that follow them.
    private void Multiply(float* inputs, int tiles, float* filters, int depth, int vectors, float* sums, bool first, byte* ahead)
    {
        for (int tile = 0; tile < tiles;)
        {
            float* a = inputs + tile * PartRows.MostDepth;
            tile += MicroKernel<TLanes, TVector>.Run<PartRows>(
                tiles - tile, _height, vectors, a, filters, depth, sums + (long)tile * vectors * TLanes.Count, first,
                ahead is null ? (byte*)(a + _height * PartRows.MostDepth) : ahead);
            ahead = null;
        }
    }
}
