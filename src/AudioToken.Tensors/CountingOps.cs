namespace AudioToken.Tensors;

/// <summary>A backend that computes nothing and takes no memory, but counts what it would take.</summary>
/// <remarks>It asks for the same memory in the same order as the backend that it stands for; values are not kept, and downloads are zeros. Weights are
/// sized from their sources and not read.</remarks>
public sealed class CountingOps : TransparentOps
{
    private readonly Func<MemoryUse> _memory;
    private readonly Action _resetPeak;

    /// <summary>Wraps a backend that was opened for counting, and owns it.</summary>
    /// <param name="inner">The backend.</param>
    /// <param name="memory">What it has counted.</param>
    /// <param name="resetPeak">Starts a new peak of live bytes at what is live now.</param>
    public CountingOps(ITensorOps inner, Func<MemoryUse> memory, Action resetPeak)
        : base(inner) => (_memory, _resetPeak) = (memory, resetPeak);

    /// <summary>What has been counted.</summary>
    public MemoryUse Memory => _memory();

    /// <summary>Starts a new peak of live bytes at what is live now.</summary>
    public void ResetPeak() => _resetPeak();

    /// <inheritdoc/>
    public override void Dispose()
    {
        Inner.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override void Before(string operation)
    {
    }
}
