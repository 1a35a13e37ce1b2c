using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>What computes, once it is chosen.</summary>
/// <param name="Name">As in reports, e.g. <c>cpu</c> or <c>cuda:0</c>.</param>
/// <param name="Threads">Threads of the processor that compute.</param>
/// <param name="MemoryBytes">Memory there is for it in all: the process', or the device's own.</param>
/// <param name="Open">Starts the backend.</param>
/// <param name="Count">Starts it for counting its memory.</param>
internal sealed record ComputeDevice(string Name, int Threads, long MemoryBytes, Func<ITensorOps> Open, Func<CountingOps> Count)
{
    /// <summary>Starts the backend at its most exact, for results to be compared with: nothing that rounds more than plain sums, fp32 throughout.</summary>
    public required Func<ITensorOps> OpenExact { get; init; }

    /// <summary>How it stores weights and activations.</summary>
    public DType Storage { get; init; } = DType.F32;

    /// <summary>Whether training needs the loss scaled: half precision (fp16) holds no small gradients.</summary>
    public bool ScalesLoss => Storage == DType.F16;

    /// <summary>Starts the backend for training.</summary>
    /// <exception cref="AudioTokenException">It has no gradients (5501).</exception>
    public IGradientOps OpenForTraining()
    {
        ITensorOps ops = Open();
        if (ops is IGradientOps gradients)
            return gradients;
        ops.Dispose();
        throw new AudioTokenException(ErrorCode.NoDevice, $"device {Name}: this backend has no gradients", "--device cpu");
    }
}
