using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public NormGradients GroupNormGradients(
        Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Tensor dy, Activation activation = Activation.None, Tensor skip = default)
    {
        const string Name = nameof(GroupNormGradients);
        Shape shape = ResultShape.GroupNorm(x, gamma, beta, groups, activation, skip);
        if (dy.Shape.Count != shape.Count)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        (int samples, int channels) = (shape[0], shape[^1]);
        Tensor dx = Allocate(shape), byGamma = Allocate(gamma.Shape), byBeta = Allocate(beta.Shape);
        using TensorScope scope = Scope();
        Tensor joined = skip.IsEmpty ? x : Concat([x, skip]);
        int positions = checked((int)(shape.Rows / Math.Max(samples, 1))), chunkRows = Math.Max(1, NormChunk / channels);
        int chunks = (positions + chunkRows - 1) / chunkRows;
        GroupNormJob statistics = new()
        {
            Workers = _workers,
            X = Data(joined, Name, nameof(x)),
            Gamma = Data(Allocate([channels]), Name, "ones"),
            Channels = channels,
            FirstChannels = channels,
            Groups = groups,
            Epsilon = epsilon,
            Positions = positions,
            ChunkRows = chunkRows,
            Chunks = chunks,
            Statistics = (ChunkStatistics*)Data(Allocate([samples, groups, chunks, sizeof(ChunkStatistics) / sizeof(float)]), Name, "statistics"),
            Means = Data(Allocate([samples, channels]), Name, "means"),
            Factors = Data(Allocate([samples, channels]), Name, "factors"),
        };
        new Span<float>(statistics.Gamma, channels).Fill(1);
        GroupNormGradientJob job = new()
        {
            X = statistics.X,
            Dy = Data(dy, Name, nameof(dy)),
            Dx = Data(dx, Name, nameof(dx)),
            Gamma = Vector(gamma, channels, Name, nameof(gamma)),
            Beta = Vector(beta, channels, Name, nameof(beta)),
            Means = statistics.Means,
            Inverses = statistics.Factors,
            Partial = Data(Allocate([samples, chunks, 2, channels]), Name, "partial sums"),
            Totals = Data(Allocate([samples, 2, channels]), Name, "totals"),
            Pulls = Data(Allocate([samples, 2, channels]), Name, "means of the gradient"),
            Channels = channels,
            Groups = groups,
            Positions = positions,
            ChunkRows = chunkRows,
            Chunks = chunks,
            Activation = activation,
        };
        _workers.Run(samples * chunks, new GroupNormStatistics(statistics));
        _workers.Run(samples * groups, new GroupNormCombination(statistics));
        _workers.Run(samples * chunks, new GroupNormGradientSums(job));
        _workers.Run(samples, new GroupNormGradientCombination(job));
        _workers.Run(samples * chunks, new GroupNormGradientApplication(job));
        AddSamples(job.Totals, 2 * channels, samples, channels, Data(byBeta, Name, nameof(byBeta)));
        AddSamples(job.Totals + channels, 2 * channels, samples, channels, Data(byGamma, Name, nameof(byGamma)));
        return new NormGradients(dx, byGamma, byBeta);
    }

    /// <inheritdoc/>
    public NormGradients LayerNormGradients(Tensor x, Weight gamma, float epsilon, Tensor dy)
    {
        const string Name = nameof(LayerNormGradients);
        Shape shape = ResultShape.LayerNorm(x, gamma, gamma);
        if (dy.Shape.Count != shape.Count)
            throw new ShapeException($"{Name}: dy is {dy}, wanted {shape}.");
        int columns = shape[^1];
        Tensor dx = Allocate(shape), byGamma = Allocate(gamma.Shape), byBeta = Allocate(gamma.Shape);
        using TensorScope scope = Scope();
        int chunkRows = Math.Max(1, NormChunk / Math.Max(columns, 1)), chunks = checked((int)((shape.Rows + chunkRows - 1) / chunkRows));
        LayerNormGradientBody body = new()
        {
            X = Data(x, Name, nameof(x)),
            Gamma = Vector(gamma, columns, Name, nameof(gamma)),
            Dy = Data(dy, Name, nameof(dy)),
            Dx = Data(dx, Name, nameof(dx)),
            Partial = Data(Allocate([2, chunks, columns]), Name, "partial sums"),
            Rows = shape.Rows,
            Columns = columns,
            ChunkRows = chunkRows,
            Chunks = chunks,
            Epsilon = epsilon,
        };
        _workers.Run(chunks, body);
        AddSamples(body.Partial, columns, chunks, columns, Data(byGamma, Name, nameof(byGamma)));
        AddSamples(body.Partial + (long)chunks * columns, columns, chunks, columns, Data(byBeta, Name, nameof(byBeta)));
        return new NormGradients(dx, byGamma, byBeta);
    }

    // to[c] = sum over samples of from[sample * stride + c].
    private static void AddSamples(float* from, int stride, int samples, int columns, float* to)
    {
        new Span<float>(to, columns).Clear();
        for (int sample = 0; sample < samples; sample++)
            AddRow(from + (long)sample * stride, to, columns);
    }
}
