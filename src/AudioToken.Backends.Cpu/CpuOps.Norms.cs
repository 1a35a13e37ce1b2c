using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    // Elements that one thread takes at a time: they stay in the nearest caches between the passes over them. The cut depends on
    // the shape alone, so results do not depend on the number of threads.
    private const int NormChunk = 16384;

    /// <inheritdoc/>
    public Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default)
    {
        const string Name = nameof(GroupNorm);
        Shape shape = ResultShape.GroupNorm(x, gamma, beta, groups, activation, skip);
        int channels = shape[^1], samples = shape[0];
        GroupNormJob job = new()
        {
            Workers = _workers,
            X = Data(x, Name, nameof(x)),
            Skip = DataOrNull(skip, Name, nameof(skip)),
            Gamma = Vector(gamma, channels, Name, nameof(gamma)),
            Beta = Vector(beta, channels, Name, nameof(beta)),
            Channels = channels,
            FirstChannels = x.Shape[^1],
            Groups = groups,
            Epsilon = epsilon,
            Activation = activation,
        };
        Tensor result = Allocate(shape);
        if (shape.Count == 0)
            return result;
        job.Y = Data(result, Name, nameof(result));
        job.Positions = checked((int)(shape.Rows / samples));
        job.ChunkRows = Math.Max(1, NormChunk / channels);
        job.Chunks = (job.Positions + job.ChunkRows - 1) / job.ChunkRows;

        using TensorScope scope = Scope();
        job.Statistics = (ChunkStatistics*)Data(Allocate([samples, groups, job.Chunks, sizeof(ChunkStatistics) / sizeof(float)]), Name, "statistics");
        job.Means = Data(Allocate([samples, channels]), Name, "means");
        job.Factors = Data(Allocate([samples, channels]), Name, "factors");
        _workers.Run(samples * job.Chunks, new GroupNormStatistics(job));
        _workers.Run(samples * groups, new GroupNormCombination(job));
        _workers.Run(samples * job.Chunks, new GroupNormApplication(job));
        return result;
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon)
    {
        const string Name = nameof(LayerNorm);
        Shape shape = ResultShape.LayerNorm(x, gamma, beta);
        int columns = shape[^1];
        LayerNormBody body = new()
        {
            X = Data(x, Name, nameof(x)),
            Gamma = Vector(gamma, columns, Name, nameof(gamma)),
            Beta = Vector(beta, columns, Name, nameof(beta)),
            Rows = shape.Rows,
            Columns = columns,
            ChunkRows = Math.Max(1, NormChunk / Math.Max(columns, 1)),
            Epsilon = epsilon,
        };
        Tensor result = Allocate(shape);
        body.Y = Data(result, Name, nameof(result));
        _workers.Run(checked((int)((body.Rows + body.ChunkRows - 1) / body.ChunkRows)), body);
        return result;
    }
}
