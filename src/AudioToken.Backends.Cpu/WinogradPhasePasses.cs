namespace AudioToken.Backends.Cpu;

/// <summary>First pass of one phase of a doubled map: the windows of one tile, transformed.</summary>
internal readonly unsafe struct WinogradPhaseInputs<TLanes, TVector>(WinogradJob job) : IParallelBody
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
        float** pixels = stackalloc float*[WinogradJob.PhasePoints];
        TVector* part = stackalloc TVector[WinogradJob.PhasePoints];
        _job.Pixels(source, channels, sample, tileY, tileX, pixels);
        long stride = (long)_job.Tiles * _job.Depth;
        for (int c = 0; c < channels; c += TLanes.Count)
        {
            for (int j = 0; j < 5; j++)
            {
                TVector d0 = Pixel(pixels[j], c), d1 = Pixel(pixels[5 + j], c), d2 = Pixel(pixels[10 + j], c), d3 = Pixel(pixels[15 + j], c), d4 = Pixel(pixels[20 + j], c);
                WinogradPhase<TLanes, TVector>.Input(ref d0, ref d1, ref d2, ref d3, ref d4);
                (part[j], part[5 + j], part[10 + j], part[15 + j], part[20 + j]) = (d0, d1, d2, d3, d4);
            }

            float* at = to + c;
            for (int i = 0; i < WinogradJob.PhasePoints; i += 5, at += 5 * stride)
            {
                (TVector d0, TVector d1, TVector d2, TVector d3, TVector d4) = (part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4]);
                WinogradPhase<TLanes, TVector>.Input(ref d0, ref d1, ref d2, ref d3, ref d4);
                TLanes.Store(d0, at);
                TLanes.Store(d1, at + stride);
                TLanes.Store(d2, at + 2 * stride);
                TLanes.Store(d3, at + 3 * stride);
                TLanes.Store(d4, at + 4 * stride);
            }
        }
    }

    private static TVector Pixel(float* pixel, int channel) => WinogradInputs<TLanes, TVector>.Pixel(pixel, channel);
}

/// <summary>Second pass: some input channels of one panel of filters, summed to a phase's two by two taps and transformed.</summary>
internal readonly unsafe struct WinogradPhaseFilters<TLanes, TVector>(WinogradJob job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly WinogradJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        NineTaps part = NineTaps.Part<TLanes, TVector>(_job.Weight, _job.Packed, _job.FirstPanel, _job.Transformed, index, workers, worker);
        long group = _job.Transformed.GroupFloats;
        for (int at = 0; at < part.Count; at += TLanes.Count)
            Filter(_job.Phase / 2 == 1, _job.Phase % 2 == 1, part.From + at, part.Tap, _job.Filters + part.Offset + at, group);
    }

    private static void Filter(bool oddRow, bool oddColumn, float* from, int tap, float* to, long group)
    {
        TVector* part = stackalloc TVector[15]; // [5][3]
        for (int j = 0; j < 3; j++, from += tap)
        {
            WinogradPhase<TLanes, TVector>.Filter(
                oddRow, TLanes.Load(from), TLanes.Load(from + 3 * tap), TLanes.Load(from + 6 * tap),
                out part[j], out part[3 + j], out part[6 + j], out part[9 + j], out part[12 + j]);
        }

        for (int i = 0; i < 15; i += 3, to += 5 * group)
        {
            WinogradPhase<TLanes, TVector>.Filter(
                oddColumn, part[i], part[i + 1], part[i + 2], out TVector u0, out TVector u1, out TVector u2, out TVector u3, out TVector u4);
            TLanes.Store(u0, to);
            TLanes.Store(u1, to + group);
            TLanes.Store(u2, to + 2 * group);
            TLanes.Store(u3, to + 3 * group);
            TLanes.Store(u4, to + 4 * group);
        }
    }
}

/// <summary>Last pass: the sums of one tile, transformed back and finished.</summary>
internal readonly unsafe struct WinogradPhaseOutputs<TLanes, TVector>(WinogradJob job, WorkerPool workers) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly WinogradJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int columns = _job.Transformed.Columns, padded = (columns + TLanes.Count - 1) / TLanes.Count * TLanes.Count;
        float* sums = (float*)workers.Scratch(worker, 16L * padded * sizeof(float)); // [16, padded]
        float* products = _job.Products + (long)index * WinogradJob.PhasePoints * columns;
        for (int c = 0; c < columns; c += TLanes.Count)
            Sums(products + c, columns, sums + c, padded);
        _job.Finish<TLanes, TVector>(index, sums, padded);
    }

    private static void Sums(float* products, int stride, float* sums, int rowStride)
    {
        TVector* part = stackalloc TVector[20]; // [4][5]
        for (int j = 0; j < 5; j++)
        {
            float* at = products + j * stride;
            WinogradPhase<TLanes, TVector>.Output(
                TLanes.Load(at), TLanes.Load(at + 5 * stride), TLanes.Load(at + 10 * stride), TLanes.Load(at + 15 * stride), TLanes.Load(at + 20 * stride),
                out part[j], out part[5 + j], out part[10 + j], out part[15 + j]);
        }

        for (int i = 0; i < 20; i += 5, sums += 4 * rowStride)
        {
            WinogradPhase<TLanes, TVector>.Output(
                part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4], out TVector y0, out TVector y1, out TVector y2, out TVector y3);
            TLanes.Store(y0, sums);
            TLanes.Store(y1, sums + rowStride);
            TLanes.Store(y2, sums + 2 * rowStride);
            TLanes.Store(y3, sums + 3 * rowStride);
        }
    }
}
