namespace AudioToken.Backends.Cpu;

/// <summary>Choices of the CPU backend.</summary>
public sealed record CpuOptions
{
    /// <summary>The most threads: far more than processors have cores, and fewer than make a process run out of what threads take.</summary>
    public const int MaxThreads = 1024;

    /// <summary>Threads that compute, the calling one among them, 1 to <see cref="MaxThreads"/>. Results do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>True: no way is taken whose rounding errors are larger than those of plain sums; false: 3x3 convolutions may take Winograd's shortest ways and large
    /// linear layers Strassen's, whose errors are up to about twice as large (still within all tolerances of docs/NUMERICS.md).</summary>
    public bool Exact { get; init; }

    /// <summary>Which micro-kernels multiply; tests try each.</summary>
    internal GemmKernel Kernel { get; init; }
}
