using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default) =>
        throw new NotSupportedException(nameof(GroupNorm));

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon) =>
        throw new NotSupportedException(nameof(LayerNorm));
}
