using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>The weight gradient of a 3x3 convolution of wide maps of few channels: products of whole lines with the lines of a padded copy, in which the
/// three taps of a row lie side by side.</summary>
/// <remarks>Bands of lines are cut into slices, each with sums of its own, which are added at the end in their order.</remarks>
internal unsafe struct BandGradientJob
{
    /// <summary>Rows of taps, and taps of a row.</summary>
    public const int Side = 3;

    /// <summary>Lines of a band: it copies those, and one more above and below.</summary>
    public const int BandLines = 4;

    private const int MostSlices = 16, FewestWidth = 32;

    public float* X;      // [B, SourceHeight, SourceWidth, Channels], enlarged to Height and Width by the nearest pixel
    public int SourceHeight;
    public int SourceWidth;
    public int Channels;
    public float* Dy;     // [B, Height, Width, Outputs]
    public int Samples;
    public int Height;
    public int Width;
    public int Outputs;
    public float* Sums;   // [Slices][row of taps], panels of [Outputs][width]
    public float* Result; // [Outputs, Channels, 9]

    /// <summary>Bands of a sample.</summary>
    public readonly int Bands => (Height + BandLines - 1) / BandLines;

    /// <summary>Slices of the bands of all samples.</summary>
    public readonly int Slices => Math.Min(MostSlices, Samples * Bands);

    /// <summary>Floats of a line of the copy.</summary>
    public readonly int Line => (Width + 2) * Channels;

    /// <summary>Columns of a row of taps.</summary>
    public readonly int Columns => Side * Channels;

    /// <summary>Floats of the sums of a slice.</summary>
    public readonly long SliceFloats => (long)Side * Columns * Outputs;

    /// <summary>Whether a convolution has the form.</summary>
    public static bool Suits(Shape x, int skipChannels, Shape weight, in ConvGeometry geometry, int width, int vectorWidth) =>
        weight[2] == Side && weight[3] == Side && skipChannels == 0 && x[3] % vectorWidth == 0 && width >= FewestWidth
        && geometry is { Stride: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1 };
}

/// <summary>Sums of one slice: a part.</summary>
/// <param name="workers">Owner of the buffers.</param>
/// <param name="job">What is computed.</param>
/// <param name="tall">Whether the registers hold 28 sums.</param>
internal readonly unsafe struct BandGradientProducts<TLanes, TVector>(WorkerPool workers, BandGradientJob job, bool tall) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private readonly BandGradientJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        int line = _job.Line, bands = _job.Samples * _job.Bands, first = (int)((long)bands * index / _job.Slices), last = (int)((long)bands * (index + 1) / _job.Slices);
        float* copy = (float*)workers.Scratch(worker, (BandGradientJob.BandLines + 2L) * line * sizeof(float)), sums = _job.Sums + index * _job.SliceFloats;
        for (int band = first; band < last; band++)
        {
            (int sample, int at) = Math.DivRem(band, _job.Bands);
            int top = at * BandGradientJob.BandLines, lines = Math.Min(BandGradientJob.BandLines, _job.Height - top);
            for (int i = 0; i < lines + 2; i++)
                CopyLine(sample, top + i - 1, copy + (long)i * line);
            for (int i = 0; i < lines; i++)
            {
                float* dy = _job.Dy + ((long)sample * _job.Height + top + i) * _job.Width * _job.Outputs;
                for (int row = 0; row < BandGradientJob.Side; row++)
                    AddLine(dy, copy + (long)(i + row) * line, sums + (long)row * _job.Columns * _job.Outputs, band == first && i == 0);
            }
        }
    }

    private void AddLine(float* dy, float* line, float* sums, bool first)
    {
        for (int c = 0; c < _job.Columns; c += 2 * TLanes.Count)
        {
            int vectors = Math.Min(2, (_job.Columns - c) / TLanes.Count);
            ColumnKernel<TLanes, TVector>.Run(
                _job.Outputs, tall, vectors, dy, _job.Outputs, line + c, _job.Channels, _job.Width, sums + (long)c * _job.Outputs, first);
        }
    }

    // A line between zeros, or of zeros beyond the edge.
    private void CopyLine(int sample, int y, float* to)
    {
        int channels = _job.Channels;
        if ((uint)y >= (uint)_job.Height)
        {
            new Span<float>(to, _job.Line).Clear();
            return;
        }

        float* from = _job.X + ((long)sample * _job.SourceHeight + (long)y * _job.SourceHeight / _job.Height) * _job.SourceWidth * channels;
        new Span<float>(to, channels).Clear();
        new Span<float>(to + _job.Line - channels, channels).Clear();
        if (_job.SourceWidth == _job.Width)
        {
            new ReadOnlySpan<float>(from, _job.Width * channels).CopyTo(new Span<float>(to + channels, _job.Width * channels));
            return;
        }

        for (int x = 0; x < _job.Width; x++)
            new ReadOnlySpan<float>(from + (long)x * _job.SourceWidth / _job.Width * channels, channels).CopyTo(new Span<float>(to + (long)(x + 1) * channels, channels));
    }
}

/// <summary>Adds up the slices of one output and writes them in the order of the weight's file: a part.</summary>
internal readonly unsafe struct BandGradientTotals<TLanes, TVector>(WorkerPool workers, BandGradientJob job) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int Taps = BandGradientJob.Side * BandGradientJob.Side;
    private readonly BandGradientJob _job = job;

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        float* taps = (float*)workers.Scratch(worker, (long)Taps * _job.Channels * sizeof(float)); // [tap][channel]
        for (int row = 0; row < BandGradientJob.Side; row++)
        {
            for (int c = 0; c < _job.Columns; c += TLanes.Count)
            {
                int panel = c / (2 * TLanes.Count) * 2 * TLanes.Count, width = Math.Min(2 * TLanes.Count, _job.Columns - panel);
                float* sums = _job.Sums + ((long)row * _job.Columns + panel) * _job.Outputs + (long)index * width + c - panel;
                TVector total = TLanes.Load(sums);
                for (int slice = 1; slice < _job.Slices; slice++)
                    total = TLanes.Add(total, TLanes.Load(sums + slice * _job.SliceFloats));
                TLanes.Store(total, taps + (long)row * _job.Columns + c);
            }
        }

        Transposition.Transpose(taps, _job.Channels, Taps, _job.Channels, _job.Result + (long)index * _job.Channels * Taps, Taps);
    }
}
