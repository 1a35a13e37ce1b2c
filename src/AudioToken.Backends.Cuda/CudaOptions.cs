using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>How the CUDA backend runs.</summary>
public sealed record CudaOptions
{
    /// <summary>Number of the device, from 0.</summary>
    public int DeviceIndex { get; init; }

    /// <summary>Storage of weights and activations: F32, F16 or BF16. Sums, statistics and softmax are fp32 whichever it is.</summary>
    public DType Storage { get; init; } = DType.F16;
}
