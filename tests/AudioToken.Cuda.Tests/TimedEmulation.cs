using AudioToken.Backends.Cuda;
using AudioToken.Bench;
using AudioToken.Cli.Benchmarks;

namespace AudioToken.Cuda.Tests;

/// <summary>The emulated device as one that is timed: it runs what a GPU runs, and its times mean nothing. Roofs, which would take it minutes, are not measured.</summary>
internal sealed class TimedEmulation(CudaOps ops, BenchPeer? peer = null) : CudaBenchDevice(ops, counts: false, peer)
{
    public override double? Bandwidth => 1;

    public override double? ArithmeticPeak() => 1;
}
