using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor MeanCosine(Tensor x, Tensor y) =>
        throw new NotSupportedException(nameof(MeanCosine));

    /// <inheritdoc/>
    public Tensor AttentionPool(Tensor values, Tensor scores) =>
        throw new NotSupportedException(nameof(AttentionPool));
}
