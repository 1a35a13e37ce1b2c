using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue) =>
        throw new NotSupportedException(nameof(GroupedConv1d));
}
