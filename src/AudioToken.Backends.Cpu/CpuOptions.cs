namespace AudioToken.Backends.Cpu;

/// <summary>Choices of the CPU backend.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that compute, the calling one among them, at least 1. Results do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>True: every sum keeps the error bound of its terms taken one by one; false: 3x3 convolutions may take Winograd's shorter ways, whose rounding errors
    /// are about twice as large (still within all tolerances of docs/NUMERICS.md).</summary>
    public bool Exact { get; init; }

    /// <summary>Which micro-kernels multiply; tests try each.</summary>
    internal GemmKernel Kernel { get; init; }
}
