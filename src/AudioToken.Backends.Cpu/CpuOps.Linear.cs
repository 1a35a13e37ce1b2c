using AudioToken.Tensors;

namespace AudioToken.Backends.Cpu;

public sealed unsafe partial class CpuOps
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue) =>
        throw new NotSupportedException(nameof(Linear));
}
