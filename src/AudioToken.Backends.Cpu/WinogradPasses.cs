namespace AudioToken.Backends.Cpu;

/// <summary>First pass: the windows of one tile, transformed.</summary>
internal readonly unsafe struct WinogradInputs<TLanes, TVector>(WinogradJob job) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly WinogradJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (long sample, int y, int x) = _job.At(_job.FirstTile + index);
        float* to = _job.Inputs + (long)index * _job.Depth;
        Source(_job.X, _job.Channels, sample, y, x, to);
        if (_job.SkipChannels > 0)
            Source(_job.Skip, _job.SkipChannels, sample, y, x, to + _job.Channels);
    }

    private void Source(float* source, int channels, long sample, int tileY, int tileX, float* to)
    {
        float** pixels = stackalloc float*[WinogradJob.PlainPoints];
        _job.Pixels(source, channels, sample, tileY, tileX, pixels);
        long stride = (long)_job.Tiles * _job.Depth;
        if (_job.Doubled)
            WinogradPhase<TLanes, TVector>.InputTile(pixels, channels, to, stride);
        else
            Winograd<TLanes, TVector>.InputTile(pixels, channels, to, stride);
    }
}

/// <summary>Second pass: some input channels of one panel of filters, transformed.</summary>
/// <remarks>Done anew at each call: four times the weights' memory is not worth what it takes, a few per cent of the products.</remarks>
internal readonly unsafe struct WinogradFilters<TLanes, TVector>(WinogradJob job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly WinogradJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        NineTaps part = NineTaps.Part<TLanes, TVector>(_job.Weight, _job.Packed, _job.FirstPanel, _job.Transformed, index, workers, worker);
        long group = _job.Transformed.GroupFloats;
        float* to = _job.Filters + part.Offset;
        for (int at = 0; at < part.Count; at += TLanes.Count)
        {
            if (_job.Doubled)
                WinogradPhase<TLanes, TVector>.FilterTile(_job.Phase / 2 == 1, _job.Phase % 2 == 1, part.From + at, part.Tap, to + at, group);
            else
                Winograd<TLanes, TVector>.FilterTile(part.From + at, part.Tap, to + at, group);
        }
    }
}

/// <summary>Last pass: the sums of one tile, transformed back and finished.</summary>
internal readonly unsafe struct WinogradOutputs<TLanes, TVector>(WinogradJob job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly WinogradJob _job = job;
    private readonly WorkerPool _workers = workers;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int columns = _job.Transformed.Columns, padded = (columns + TLanes.Count - 1) / TLanes.Count * TLanes.Count;
        float* sums = (float*)_workers.Scratch(worker, 16L * padded * sizeof(float)); // [16, padded]
        float* products = _job.Products + (long)index * _job.Points * columns;
        for (int c = 0; c < columns; c += TLanes.Count)
        {
            if (_job.Doubled)
                WinogradPhase<TLanes, TVector>.OutputTile(products + c, columns, sums + c, padded);
            else
                Winograd<TLanes, TVector>.OutputTile(products + c, columns, sums + c, padded);
        }

        _job.Finish<TLanes, TVector>(index, sums, padded);
    }
}
