namespace AudioToken.Backends.Cpu;

/// <summary>Choices of the CPU backend.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that compute, the calling one among them, at least 1. Results do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Which micro-kernels multiply; tests try each.</summary>
    internal GemmKernel Kernel { get; init; }
}
