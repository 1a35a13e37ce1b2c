using AudioToken.Backends.Cpu;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

/// <summary>One micro-kernel and number of threads.</summary>
internal static class Kernels
{
    /// <summary>Each micro-kernel; those wider than this machine's vectors are emulated by the runtime and must be as right.</summary>
    public static TheoryData<string> All => new(Enum.GetNames<GemmKernel>().Where(name => name != nameof(GemmKernel.Best)));

    public static CpuOps Open(string kernel, int threads = 2, bool exact = false) =>
        new(new CpuOptions { Threads = threads, Kernel = Enum.Parse<GemmKernel>(kernel), Exact = exact });
}
