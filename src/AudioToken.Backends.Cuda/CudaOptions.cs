using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>How the CUDA backend runs.</summary>
public sealed record CudaOptions
{
    /// <summary>Number of the device, from 0.</summary>
    public int DeviceIndex { get; init; }

    /// <summary>Storage of weights and activations: F32, F16 or BF16. Sums, statistics and softmax are fp32 whichever it is.</summary>
    public DType Storage { get; init; } = DType.F16;

    /// <summary>Where compiled kernels are kept; null for nowhere.</summary>
    public string? KernelCacheFolder { get; init; } = KernelCache.DefaultFolder();

    /// <summary>How long the host waits for work to end before it calls it a hang (5109); five minutes by default.</summary>
    public TimeSpan Patience { get; init; } = CudaContext.DefaultPatience;

    /// <summary>Hears of what is not as it should be and does no harm, such as a cache that cannot be used.</summary>
    public Action<string> Note { get; init; } = _ => { };
}
