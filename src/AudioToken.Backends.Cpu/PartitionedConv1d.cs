namespace AudioToken.Backends.Cpu;

/// <summary>A grouped convolution of many taps, its kernel cut into partitions of 16 (uniformly partitioned overlap-save: Stockham 1966, Wefers 2015).</summary>
/// <remarks>Outputs come in blocks of 16 as well. A window of 32 positions is transformed once, whichever partitions it meets; a point of an output block is the sum over
/// partitions and channels of the points of as many windows in a row, a matrix product, and is transformed back once.</remarks>
internal unsafe struct PartitionedConv1d
{
    // Of fewer, transforming the kernel outweighs the products saved.
    private const int FewestPositions = 64, FewestTaps = 2 * OddDft.Taps;

    // Blocks of outputs that share transformed filters: their sums and windows stay in the second-level cache.
    private const int MostBlocks = 32;

    public float* X;           // [B, Length, Channels]
    public int Samples;
    public int Length;
    public int Channels;       // of all groups
    public int Padding;
    public int Partitions;
    public float* Weight;      // panels of [taps][channels of a group][width]
    public PackedShape Packed; // of Weight
    public float* Output;      // [B, Length, Channels]
    public TileEpilogue Epilogue;

    /// <summary>Channels of a group.</summary>
    public readonly int Depth => Packed.Columns;

    /// <summary>Blocks of outputs of a sample.</summary>
    public readonly int Blocks => (Length + OddDft.Taps - 1) / OddDft.Taps;

    /// <summary>Runs of blocks of a sample.</summary>
    public readonly int Runs => (Blocks + MostBlocks - 1) / MostBlocks;

    /// <summary>Parts of the work: a group's run of blocks each.</summary>
    public readonly int Parts => checked(Packed.Groups * Samples * Runs);

    /// <summary>Whether a convolution gains by it: whole partitions and vectors of channels, and enough positions in one sample to share the transformed kernel.</summary>
    public static bool Suits(int length, int groupChannels, int taps, int vectorWidth) =>
        taps % OddDft.Taps == 0 && taps >= FewestTaps && groupChannels % vectorWidth == 0 && length >= FewestPositions;

    /// <summary>The group, sample and blocks of a part.</summary>
    public readonly (int Group, int Sample, int First, int End) At(int part)
    {
        // Runs and samples of a group follow one another: its kernel is then near.
        (part, int run) = Math.DivRem(part, Runs);
        (int group, int sample) = Math.DivRem(part, Samples);
        return (group, sample, (int)((long)Blocks * run / Runs), (int)((long)Blocks * (run + 1) / Runs));
    }
}

/// <summary>The outputs of one group's run of blocks.</summary>
internal readonly unsafe struct PartitionedConv1dOutputs<TLanes, TVector>(PartitionedConv1d job, WorkerPool workers, int tallest) : IParallelBody
    where TLanes : ILanes<TVector>
    where TVector : unmanaged
{
    private const int ChannelsAtOnce = PartRows.MostDepth;

    private readonly PartitionedConv1d _job = job;
    private readonly int _height = Math.Min(tallest, 8); // ten seconds' 31 blocks are 8, 8, 8, 6 and 1: quicker than 14, 14, 2 and 1

    /// <inheritdoc/>
    public void Run(int index, int worker)
    {
        (int group, int sample, int first, int end) = _job.At(index);
        int blocks = end - first, windows = blocks + _job.Partitions - 1, width = _job.Packed.PanelWidth;
        int channelParts = (_job.Depth + ChannelsAtOnce - 1) / ChannelsAtOnce;

        // Of each product: inputs [windows][ChannelsAtOnce] of a part of the channels, filters [channels][width], sums [blocks][width].
        long input = CacheLines.Apart((long)windows * ChannelsAtOnce), filter = CacheLines.Apart(ChannelsAtOnce * width), sum = CacheLines.Apart(blocks * width);
        long room = OddDft.Products * (channelParts * input + filter + sum) + OddDft.Taps * width + OddDft.Window * TLanes.Count;
        float* inputs = (float*)workers.Scratch(worker, room * sizeof(float));
        float* filters = inputs + OddDft.Products * channelParts * input, sums = filters + OddDft.Products * filter, outputs = sums + OddDft.Products * sum;
        TVector* part = (TVector*)(outputs + OddDft.Taps * width);
        TransformInputs(group, sample, first, windows, inputs, input, part);
        for (int panel = 0; panel < _job.Packed.Panels; panel++)
        {
            int vectors = _job.Packed.Vectors(panel);
            for (int partition = 0; partition < _job.Partitions; partition++)
            {
                for (int channel = 0; channel < _job.Depth; channel += ChannelsAtOnce)
                {
                    int depth = Math.Min(ChannelsAtOnce, _job.Depth - channel);
                    int share = OddDft.Taps * depth * vectors * TLanes.Count / OddDft.Products;
                    float* next = TransformFilters(group, panel, partition, channel, depth, filters, filter, part);
                    float* windowsOfPart = inputs + channel / ChannelsAtOnce * OddDft.Products * input + partition * ChannelsAtOnce;
                    for (int product = 0; product < OddDft.Products; product++)
                    {
                        CacheLines.Ask(next + product * share, share);
                        Multiply(windowsOfPart + product * input, blocks, filters + product * filter, depth, vectors, sums + product * sum, partition + channel == 0);
                    }
                }
            }

            Finish(group, panel, sample, first, end, sums, sum, outputs, part);
        }
    }

    private void TransformInputs(int group, int sample, int first, int windows, float* inputs, long stride, TVector* part)
    {
        float** positions = stackalloc float*[OddDft.Window];
        float* source = _job.X + (long)sample * _job.Length * _job.Channels + group * _job.Depth;
        for (int window = 0; window < windows; window++)
        {
            int start = (first + window) * OddDft.Taps - _job.Padding;
            for (int n = 0; n < OddDft.Window; n++)
                positions[n] = (uint)(start + n) < (uint)_job.Length ? source + (long)(start + n) * _job.Channels : null;
            for (int c = 0; c < _job.Depth; c += TLanes.Count)
            {
                float* to = inputs + c / ChannelsAtOnce * OddDft.Products * stride + window * ChannelsAtOnce + c % ChannelsAtOnce;
                OddDft<TLanes, TVector>.Input(positions, c, to, stride, part);
            }
        }
    }

    // Returns where the taps lie that come next; past the last partition they are those of the next panel or group.
    private float* TransformFilters(int group, int panel, int partition, int channel, int depth, float* filters, long stride, TVector* part)
    {
        int width = _job.Packed.Vectors(panel) * TLanes.Count, tap = _job.Depth * width;
        float* from = _job.Weight + group * _job.Packed.GroupFloats + _job.Packed.PanelOffset(panel) + (long)partition * OddDft.Taps * tap + channel * width;
        for (int at = 0; at < depth * width; at += TLanes.Count)
            OddDft<TLanes, TVector>.Filter(from + at, tap, filters + at, stride, part);
        return from + OddDft.Taps * tap;
    }

    private void Multiply(float* inputs, int blocks, float* filters, int depth, int vectors, float* sums, bool first)
    {
        for (int block = 0; block < blocks;)
        {
            float* a = inputs + block * ChannelsAtOnce;
            block += MicroKernel<TLanes, TVector>.Run<PartRows>(
                blocks - block, _height, vectors, a, filters, depth, sums + (long)block * vectors * TLanes.Count, first, (byte*)(a + _height * ChannelsAtOnce));
        }
    }

    private void Finish(int group, int panel, int sample, int first, int end, float* sums, long stride, float* outputs, TVector* part)
    {
        int width = _job.Packed.Vectors(panel) * TLanes.Count, column = panel * _job.Packed.PanelWidth, columns = Math.Min(width, _job.Packed.Columns - column);
        for (int block = first; block < end; block++, sums += width)
        {
            int position = block * OddDft.Taps, rows = Math.Min(OddDft.Taps, _job.Length - position);
            for (int c = 0; c < width; c += TLanes.Count)
                OddDft<TLanes, TVector>.Output(sums + c, stride, outputs + c, width, part);
            _job.Epilogue.FinishRows<TLanes, TVector>(
                (long)sample * _job.Length + position, rows, group * _job.Packed.Columns + column, columns, outputs, null, width, _job.Output, _job.Channels);
        }
    }
}
