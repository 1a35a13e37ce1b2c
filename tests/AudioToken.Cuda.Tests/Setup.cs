using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Testing;
using Xunit;

// The emulated device is one, and its counts and faults are the process's.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace AudioToken.Cuda.Tests;

/// <summary>A fresh emulated device for one test, which must leave nothing behind on it.</summary>
internal sealed class Setup : IDisposable
{
    private readonly long _allocations, _handles, _pinned;

    public Setup()
    {
        Assert.SkipWhen(EmulatedDevice.WhyNot is not null, EmulatedDevice.WhyNot ?? "");
        Emulator = EmulatedDevice.Fresh();
        (_allocations, _handles, _pinned) = (Emulator.Count("allocations"), Emulator.Count("handles"), Emulator.Count("pinned"));
    }

    public EmulatedDevice Emulator { get; }

    /// <summary>What the library was told beside results.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Whether what is left behind is counted; not after the device was lost.</summary>
    public bool CountsLeaks { get; set; } = true;

    public KernelLibrary Library(CudaContext context, string? cache = null) => new(context, cache, Notes.Add);

    public void Dispose()
    {
        if (!CountsLeaks)
            return;
        Assert.Equal(_allocations, Emulator.Count("allocations"));
        Assert.Equal(_handles, Emulator.Count("handles"));
        Assert.Equal(_pinned, Emulator.Count("pinned"));
    }
}
