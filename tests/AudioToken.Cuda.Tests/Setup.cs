using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Testing;
using Xunit;

// The emulated device is one, and its counts and faults are the process's.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace AudioToken.Cuda.Tests;

/// <summary>A fresh emulated device for one test.</summary>
internal sealed class Setup
{
    private Setup() => Emulator = EmulatedDevice.Fresh();

    public EmulatedDevice Emulator { get; }

    /// <summary>What the library was told beside results.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Runs a test, which must leave nothing behind on the device.</summary>
    public static void Run(Action<Setup> test)
    {
        Assert.SkipWhen(EmulatedDevice.WhyNot is not null, EmulatedDevice.WhyNot ?? "");
        Setup setup = new();
        long[] before = setup.Held();
        test(setup);
        Assert.Equal(before, setup.Held());
    }

    /// <summary>Runs a test that loses the device, which takes everything with it.</summary>
    public static void RunToLoss(Action<Setup> test)
    {
        Assert.SkipWhen(EmulatedDevice.WhyNot is not null, EmulatedDevice.WhyNot ?? "");
        try
        {
            test(new Setup());
        }
        finally
        {
            CudaDriver.cuDevicePrimaryCtxReset_v2(0);
        }
    }

    public KernelLibrary Library(CudaContext context, string? cache = null) => new(context, cache, Notes.Add);

    private long[] Held() => [Emulator.Count("allocations"), Emulator.Count("handles"), Emulator.Count("pinned")];
}
