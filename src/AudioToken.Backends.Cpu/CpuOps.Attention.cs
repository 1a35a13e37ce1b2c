using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options) =>
        throw new NotSupportedException(nameof(Attention));
}
