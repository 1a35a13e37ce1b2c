using System.Runtime.CompilerServices;

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
        TVector* part = stackalloc TVector[WinogradJob.PlainPoints];
        _job.Pixels(source, channels, sample, tileY, tileX, pixels);
        long stride = (long)_job.Tiles * _job.Depth;
        for (int c = 0; c < channels; c += TLanes.Count)
        {
            for (int j = 0; j < 6; j++)
            {
                TVector d0 = Pixel(pixels[j], c), d1 = Pixel(pixels[6 + j], c), d2 = Pixel(pixels[12 + j], c);
                TVector d3 = Pixel(pixels[18 + j], c), d4 = Pixel(pixels[24 + j], c), d5 = Pixel(pixels[30 + j], c);
                Winograd<TLanes, TVector>.Input(ref d0, ref d1, ref d2, ref d3, ref d4, ref d5);
                (part[j], part[6 + j], part[12 + j], part[18 + j], part[24 + j], part[30 + j]) = (d0, d1, d2, d3, d4, d5);
            }

            float* at = to + c;
            for (int i = 0; i < WinogradJob.PlainPoints; i += 6, at += 6 * stride)
            {
                (TVector d0, TVector d1, TVector d2, TVector d3, TVector d4, TVector d5) = (part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4], part[i + 5]);
                Winograd<TLanes, TVector>.Input(ref d0, ref d1, ref d2, ref d3, ref d4, ref d5);
                TLanes.Store(d0, at);
                TLanes.Store(d1, at + stride);
                TLanes.Store(d2, at + 2 * stride);
                TLanes.Store(d3, at + 3 * stride);
                TLanes.Store(d4, at + 4 * stride);
                TLanes.Store(d5, at + 5 * stride);
            }
        }
    }

    /// <summary>Some channels of a pixel, zeros for one beyond the edge.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Pixel(float* pixel, int channel) => pixel is null ? TLanes.Create(0f) : TLanes.Load(pixel + channel);
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
        for (int at = 0; at < part.Count; at += TLanes.Count)
            Filter(part.From + at, part.Tap, _job.Filters + part.Offset + at, group);
    }

    private static void Filter(float* from, int tap, float* to, long group)
    {
        TVector* part = stackalloc TVector[18]; // [6][3]
        for (int j = 0; j < 3; j++)
        {
            Winograd<TLanes, TVector>.Filter(
                TLanes.Load(from + j * tap), TLanes.Load(from + (3 + j) * tap), TLanes.Load(from + (6 + j) * tap),
                out part[j], out part[3 + j], out part[6 + j], out part[9 + j], out part[12 + j], out part[15 + j]);
        }

        for (int i = 0; i < 18; i += 3, to += 6 * group)
        {
            Winograd<TLanes, TVector>.Filter(
                part[i], part[i + 1], part[i + 2], out TVector u0, out TVector u1, out TVector u2, out TVector u3, out TVector u4, out TVector u5);
            TLanes.Store(u0, to);
            TLanes.Store(u1, to + group);
            TLanes.Store(u2, to + 2 * group);
            TLanes.Store(u3, to + 3 * group);
            TLanes.Store(u4, to + 4 * group);
            TLanes.Store(u5, to + 5 * group);
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
        float* products = _job.Products + (long)index * WinogradJob.PlainPoints * columns;
        for (int c = 0; c < columns; c += TLanes.Count)
            Sums(products + c, columns, sums + c, padded);
        _job.Finish<TLanes, TVector>(index, sums, padded);
    }

    private static void Sums(float* products, int stride, float* sums, int rowStride)
    {
        TVector* part = stackalloc TVector[24]; // [4][6]
        for (int j = 0; j < 6; j++)
        {
            float* at = products + j * stride;
            Winograd<TLanes, TVector>.Output(
                TLanes.Load(at), TLanes.Load(at + 6 * stride), TLanes.Load(at + 12 * stride),
                TLanes.Load(at + 18 * stride), TLanes.Load(at + 24 * stride), TLanes.Load(at + 30 * stride),
                out part[j], out part[6 + j], out part[12 + j], out part[18 + j]);
        }

        for (int i = 0; i < 24; i += 6, sums += 4 * rowStride)
        {
            Winograd<TLanes, TVector>.Output(
                part[i], part[i + 1], part[i + 2], part[i + 3], part[i + 4], part[i + 5], out TVector y0, out TVector y1, out TVector y2, out TVector y3);
            TLanes.Store(y0, sums);
            TLanes.Store(y1, sums + rowStride);
            TLanes.Store(y2, sums + 2 * rowStride);
            TLanes.Store(y3, sums + 3 * rowStride);
        }
    }
}
