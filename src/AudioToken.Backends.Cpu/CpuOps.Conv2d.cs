using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default) =>
        throw new NotSupportedException(nameof(Conv2d));
}
