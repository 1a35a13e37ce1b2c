using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>What the passes of one <see cref="CpuOps.GroupNormGradients"/> share. With n the normalised value and g = dy f'(gamma n + beta):
/// dx = (gamma g - mean(gamma g) - n mean(gamma g n)) / deviation, the means over the group.</summary>
internal unsafe struct GroupNormGradientJob
{
    public float* X;        // [B, Positions, Channels]
    public float* Dy;       // the same
    public float* Dx;       // the same
    public float* Gamma;    // [Channels]
    public float* Beta;     // [Channels]
    public float* Means;    // [B, Channels]
    public float* Inverses; // [B, Channels]: 1 / deviation
    public float* Partial;  // [B, Chunks, 2, Channels]: sums of g and of g n
    public float* Totals;   // [B, 2, Channels]
    public float* Pulls;    // [B, 2, Channels]: the two means
    public int Channels;
    public int Groups;
    public int Positions;
    public int ChunkRows;
    public int Chunks;
    public Activation Activation;

    public readonly int RowsOf(int chunk) => Math.Min(ChunkRows, Positions - chunk * ChunkRows);

    public readonly long FirstOf(int sample, int chunk) => ((long)sample * Positions + (long)chunk * ChunkRows) * Channels;

    /// <summary>n and g of some channels of one position.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly (TVector Normal, TVector Slope) At<TLanes, TVector>(long at, int c, long row)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        TVector normal = TLanes.Multiply(TLanes.Subtract(TLanes.Load(X + at + c), TLanes.Load(Means + row + c)), TLanes.Load(Inverses + row + c));
        TVector slope = TLanes.Load(Dy + at + c);
        if (Activation == Activation.Silu)
        {
            TVector z = TLanes.MultiplyAdd(normal, TLanes.Load(Gamma + c), TLanes.Load(Beta + c));
            slope = TLanes.Multiply(slope, VectorMath.Derivative<TLanes, TVector>(z, Activation.Silu));
        }

        return (normal, slope);
    }
}

/// <summary>First pass: sums of one chunk of one sample, for each channel.</summary>
internal readonly unsafe struct GroupNormGradientSums(GroupNormGradientJob job) : IParallelBody
{
    private readonly GroupNormGradientJob _job = job;

    public void Run(int index, int worker)
    {
        (int sample, int chunk) = Math.DivRem(index, _job.Chunks);
        new Span<float>(_job.Partial + (long)index * 2 * _job.Channels, 2 * _job.Channels).Clear();
        for (int row = 0; row < _job.RowsOf(chunk); row++)
        {
            int c = 0;
            if (Vector512.IsHardwareAccelerated)
                c = Add<Lanes512, Vector512<float>>(index, sample, chunk, row, c);
            c = Add<Lanes256, Vector256<float>>(index, sample, chunk, row, c);
            Add<Lanes1, float>(index, sample, chunk, row, c);
        }
    }

    private int Add<TLanes, TVector>(int index, int sample, int chunk, int row, int c)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        float* sums = _job.Partial + (long)index * 2 * _job.Channels, products = sums + _job.Channels;
        long at = _job.FirstOf(sample, chunk) + (long)row * _job.Channels;
        for (; c + TLanes.Count <= _job.Channels; c += TLanes.Count)
        {
            (TVector normal, TVector slope) = _job.At<TLanes, TVector>(at, c, (long)sample * _job.Channels);
            TLanes.Store(TLanes.Add(TLanes.Load(sums + c), slope), sums + c);
            TLanes.Store(TLanes.MultiplyAdd(slope, normal, TLanes.Load(products + c)), products + c);
        }

        return c;
    }
}

/// <summary>Second pass: joins the chunks of one sample and takes the means of its groups.</summary>
internal readonly unsafe struct GroupNormGradientCombination(GroupNormGradientJob job) : IParallelBody
{
    private readonly GroupNormGradientJob _job = job;

    public void Run(int index, int worker)
    {
        int channels = _job.Channels, perGroup = channels / _job.Groups;
        float* totals = _job.Totals + (long)index * 2 * channels, pulls = _job.Pulls + (long)index * 2 * channels;
        for (int part = 0; part < 2; part++, totals += channels, pulls += channels)
        {
            for (int c = 0; c < channels; c++)
            {
                double sum = 0;
                for (int chunk = 0; chunk < _job.Chunks; chunk++)
                    sum += _job.Partial[(((long)index * _job.Chunks + chunk) * 2 + part) * channels + c];
                totals[c] = (float)sum;
            }

            for (int group = 0; group < _job.Groups; group++)
            {
                double sum = 0;
                for (int c = group * perGroup; c < (group + 1) * perGroup; c++)
                    sum += (double)_job.Gamma[c] * totals[c];
                new Span<float>(pulls + group * perGroup, perGroup).Fill((float)(sum / ((double)_job.Positions * perGroup)));
            }
        }
    }
}

/// <summary>Third pass: the gradient of one chunk of one sample.</summary>
internal readonly unsafe struct GroupNormGradientApplication(GroupNormGradientJob job) : IParallelBody
{
    private readonly GroupNormGradientJob _job = job;

    public void Run(int index, int worker)
    {
        (int sample, int chunk) = Math.DivRem(index, _job.Chunks);
        for (int row = 0; row < _job.RowsOf(chunk); row++)
        {
            long at = _job.FirstOf(sample, chunk) + (long)row * _job.Channels;
            int c = 0;
            if (Vector512.IsHardwareAccelerated)
                c = Apply<Lanes512, Vector512<float>>(sample, at, c);
            c = Apply<Lanes256, Vector256<float>>(sample, at, c);
            Apply<Lanes1, float>(sample, at, c);
        }
    }

    private int Apply<TLanes, TVector>(int sample, long at, int c)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        long row = (long)sample * _job.Channels;
        float* first = _job.Pulls + 2 * row, second = first + _job.Channels;
        for (; c + TLanes.Count <= _job.Channels; c += TLanes.Count)
        {
            (TVector normal, TVector slope) = _job.At<TLanes, TVector>(at, c, row);
            TVector pull = TLanes.MultiplyAdd(normal, TLanes.Load(second + c), TLanes.Load(first + c));
            TVector own = TLanes.Subtract(TLanes.Multiply(slope, TLanes.Load(_job.Gamma + c)), pull);
            TLanes.Store(TLanes.Multiply(own, TLanes.Load(_job.Inverses + row + c)), _job.Dx + at + c);
        }

        return c;
    }
}
