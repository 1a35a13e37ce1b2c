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

    /// <summary>Where g is after the first pass: dy itself without an activation.</summary>
    public readonly float* Slopes => Activation == Activation.None ? Dy : Dx;
}

/// <summary>First pass: sums of one chunk of one sample, for each channel. Where there is an activation, g waits in the place of the result.</summary>
internal readonly unsafe struct GroupNormGradientSums(GroupNormGradientJob job) : IParallelBody
{
    private readonly GroupNormGradientJob _job = job;

    public void Run(int index, int worker)
    {
        int c = 0;
        if (Vector512.IsHardwareAccelerated)
            c = Add<Lanes512, Vector512<float>>(index, c);
        c = Add<Lanes256, Vector256<float>>(index, c);
        Add<Lanes1, float>(index, c);
    }

    // From channel c on as far as whole vectors go; returns where it stopped.
    private int Add<TLanes, TVector>(int index, int c)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        (int sample, int chunk) = Math.DivRem(index, _job.Chunks);
        (int channels, int rows) = (_job.Channels, _job.RowsOf(chunk));
        long first = _job.FirstOf(sample, chunk);
        float* means = _job.Means + (long)sample * channels, inverses = _job.Inverses + (long)sample * channels, to = _job.Partial + (long)index * 2 * channels;
        for (; c + TLanes.Count <= channels; c += TLanes.Count)
        {
            TVector mean = TLanes.Load(means + c), inverse = TLanes.Load(inverses + c), gamma = TLanes.Load(_job.Gamma + c), beta = TLanes.Load(_job.Beta + c);
            TVector sum = TLanes.Create(0), products = sum;
            float* x = _job.X + first + c, dy = _job.Dy + first + c, g = _job.Dx + first + c;
            for (int row = 0; row < rows; row++, x += channels, dy += channels, g += channels)
            {
                TVector normal = TLanes.Multiply(TLanes.Subtract(TLanes.Load(x), mean), inverse), slope = TLanes.Load(dy);
                if (_job.Activation == Activation.Silu)
                {
                    slope = TLanes.Multiply(slope, VectorMath.Derivative<TLanes, TVector>(TLanes.MultiplyAdd(normal, gamma, beta), Activation.Silu));
                    TLanes.Store(slope, g);
                }

                sum = TLanes.Add(sum, slope);
                products = TLanes.MultiplyAdd(slope, normal, products);
            }

            TLanes.Store(sum, to + c);
            TLanes.Store(products, to + channels + c);
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
        int c = 0;
        if (Vector512.IsHardwareAccelerated)
            c = Apply<Lanes512, Vector512<float>>(index, c);
        c = Apply<Lanes256, Vector256<float>>(index, c);
        Apply<Lanes1, float>(index, c);
    }

    private int Apply<TLanes, TVector>(int index, int c)
        where TLanes : ILanes<TVector>
        where TVector : unmanaged
    {
        (int sample, int chunk) = Math.DivRem(index, _job.Chunks);
        (int channels, int rows) = (_job.Channels, _job.RowsOf(chunk));
        long first = _job.FirstOf(sample, chunk), statistics = (long)sample * channels;
        float* pulls = _job.Pulls + 2 * statistics;
        for (; c + TLanes.Count <= channels; c += TLanes.Count)
        {
            TVector mean = TLanes.Load(_job.Means + statistics + c), inverse = TLanes.Load(_job.Inverses + statistics + c), gamma = TLanes.Load(_job.Gamma + c);
            TVector level = TLanes.Load(pulls + c), along = TLanes.Load(pulls + channels + c);
            float* x = _job.X + first + c, g = _job.Slopes + first + c, dx = _job.Dx + first + c;
            for (int row = 0; row < rows; row++, x += channels, g += channels, dx += channels)
            {
                TVector normal = TLanes.Multiply(TLanes.Subtract(TLanes.Load(x), mean), inverse);
                TVector own = TLanes.Subtract(TLanes.Multiply(TLanes.Load(g), gamma), TLanes.MultiplyAdd(normal, along, level));
                TLanes.Store(TLanes.Multiply(own, inverse), dx);
            }
        }

        return c;
    }
}
