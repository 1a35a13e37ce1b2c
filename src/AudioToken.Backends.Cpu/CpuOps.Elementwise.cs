using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Activate(Tensor x, Activation activation) =>
        throw new NotSupportedException(nameof(Activate));

    /// <inheritdoc/>
    public Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms) =>
        throw new NotSupportedException(nameof(WeightedSum));

    /// <inheritdoc/>
    public Tensor Clamp(Tensor x, float low, float high) =>
        throw new NotSupportedException(nameof(Clamp));

    /// <inheritdoc/>
    public Tensor Concat(ReadOnlySpan<Tensor> parts) =>
        throw new NotSupportedException(nameof(Concat));

    /// <inheritdoc/>
    public Tensor RepeatBatch(Tensor x, int times) =>
        throw new NotSupportedException(nameof(RepeatBatch));
}
