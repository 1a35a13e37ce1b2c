using System.Runtime.InteropServices;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

/// <summary>What the three passes of one <see cref="CpuOps.GroupNorm"/> share.</summary>
internal unsafe struct GroupNormJob
{
    public WorkerPool Workers;
    public float* X;                    // [B, Positions, FirstChannels]
    public float* Skip;                 // [B, Positions, Channels - FirstChannels] or null
    public float* Gamma;                // [Channels]
    public float* Beta;                 // [Channels]
    public float* Y;                    // [B, Positions, Channels]
    public ChunkStatistics* Statistics; // [B, Groups, Chunks]
    public float* Means;                // [B, Channels]: the mean of the channel's group
    public float* Factors;              // [B, Channels]: gamma / standard deviation
    public int Channels;
    public int FirstChannels;
    public int Groups;
    public int Positions;
    public int ChunkRows;
    public int Chunks;
    public float Epsilon;
    public Activation Activation;

    /// <summary>Positions of one chunk of a sample.</summary>
    public readonly int RowsOf(int chunk) => Math.Min(ChunkRows, Positions - chunk * ChunkRows);

    /// <summary>The first position of a chunk in the first source.</summary>
    public readonly float* FirstAt(int sample, int chunk) => X + ((long)sample * Positions + (long)chunk * ChunkRows) * FirstChannels;

    /// <summary>The first position of a chunk in the second source.</summary>
    public readonly float* SecondAt(int sample, int chunk) => Skip + ((long)sample * Positions + (long)chunk * ChunkRows) * (Channels - FirstChannels);
}

/// <summary>Mean and sum of squared deviations of one group within one chunk.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ChunkStatistics
{
    public double Mean;
    public double Squares;
}

/// <summary>First pass: statistics of each group of one chunk of one sample.</summary>
/// <remarks>Two readings of a chunk that fits the cache: sums, then deviations from the mean they give. That keeps its digits however
/// far the mean is from zero; what rounding did to the mean itself shows in the sum of the deviations and is taken out again.</remarks>
internal readonly unsafe struct GroupNormStatistics(GroupNormJob job) : IParallelBody
{
    private readonly GroupNormJob _job = job;

    public void Run(int index, int worker)
    {
        (int sample, int chunk) = Math.DivRem(index, _job.Chunks);
        (int channels, int first, int rows) = (_job.Channels, _job.FirstChannels, _job.RowsOf(chunk));
        float* means = (float*)_job.Workers.Scratch(worker, 3L * channels * sizeof(float)); // [channels] each
        float* deviations = means + channels;
        float* squares = deviations + channels;

        NormRows.Sum(_job.FirstAt(sample, chunk), rows, first, means);
        if (first < channels)
            NormRows.Sum(_job.SecondAt(sample, chunk), rows, channels - first, means + first);

        int perGroup = channels / _job.Groups;
        double count = (double)rows * perGroup;
        for (int group = 0; group < _job.Groups; group++)
        {
            Span<float> own = new(means + group * perGroup, perGroup);
            double sum = 0;
            foreach (float value in own)
                sum += value;
            own.Fill((float)(sum / count));
        }

        NormRows.Deviations(_job.FirstAt(sample, chunk), rows, first, means, deviations, squares);
        if (first < channels)
            NormRows.Deviations(_job.SecondAt(sample, chunk), rows, channels - first, means + first, deviations + first, squares + first);
        for (int group = 0; group < _job.Groups; group++)
        {
            double deviation = 0, square = 0;
            for (int c = group * perGroup; c < (group + 1) * perGroup; c++)
            {
                deviation += deviations[c];
                square += squares[c];
            }

            ref ChunkStatistics statistics = ref _job.Statistics[((long)sample * _job.Groups + group) * _job.Chunks + chunk];
            statistics.Mean = means[group * perGroup] + (deviation / count);
            statistics.Squares = square - (deviation * deviation / count);
        }
    }
}

/// <summary>Second pass: joins the chunks of one group of one sample (Chan, Golub and LeVeque 1983), always in their order.</summary>
internal readonly unsafe struct GroupNormCombination(GroupNormJob job) : IParallelBody
{
    private readonly GroupNormJob _job = job;

    public void Run(int index, int worker)
    {
        (int sample, int group) = Math.DivRem(index, _job.Groups);
        int perGroup = _job.Channels / _job.Groups;
        ChunkStatistics* chunks = _job.Statistics + (long)index * _job.Chunks;
        double count = 0, mean = 0, squares = 0;
        for (int chunk = 0; chunk < _job.Chunks; chunk++)
        {
            double added = (double)_job.RowsOf(chunk) * perGroup, share = added / (count + added), step = chunks[chunk].Mean - mean;
            mean += step * share;
            squares += chunks[chunk].Squares + (step * step * count * share);
            count += added;
        }

        double inverse = 1 / Math.Sqrt(Math.Max(squares / count, 0) + _job.Epsilon);
        for (int c = group * perGroup; c < (group + 1) * perGroup; c++)
        {
            _job.Means[(long)sample * _job.Channels + c] = (float)mean;
            _job.Factors[(long)sample * _job.Channels + c] = (float)(_job.Gamma[c] * inverse);
        }
    }
}

/// <summary>Third pass: normalises and activates one chunk of one sample.</summary>
internal readonly unsafe struct GroupNormApplication(GroupNormJob job) : IParallelBody
{
    private readonly GroupNormJob _job = job;

    public void Run(int index, int worker)
    {
        (int sample, int chunk) = Math.DivRem(index, _job.Chunks);
        (int channels, int first) = (_job.Channels, _job.FirstChannels);
        int second = channels - first;
        float* x = _job.FirstAt(sample, chunk);
        float* skip = _job.Skip is null ? null : _job.SecondAt(sample, chunk);
        float* y = _job.Y + ((long)sample * _job.Positions + (long)chunk * _job.ChunkRows) * channels;
        float* means = _job.Means + (long)sample * channels;
        float* factors = _job.Factors + (long)sample * channels;
        bool silu = _job.Activation == Activation.Silu;
        int rows = _job.RowsOf(chunk);
        NormRows.Apply(x, rows, first, means, factors, _job.Beta, y, channels, silu);
        if (second > 0)
            NormRows.Apply(skip, rows, second, means + first, factors + first, _job.Beta + first, y + first, channels, silu);
    }
}
