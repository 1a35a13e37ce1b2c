using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift) =>
        throw new NotSupportedException(nameof(TimestepEmbedding));

    /// <inheritdoc/>
    public Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder) =>
        throw new NotSupportedException(nameof(TokenEmbedding));

    /// <inheritdoc/>
    public Tensor RelativePositionBias(Weight table, Tensor buckets) =>
        throw new NotSupportedException(nameof(RelativePositionBias));

    /// <inheritdoc/>
    public Tensor RelativePositionGate(Tensor projected, Weight scale) =>
        throw new NotSupportedException(nameof(RelativePositionGate));
}
