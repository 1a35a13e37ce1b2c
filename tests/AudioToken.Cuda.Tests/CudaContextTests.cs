using System.Runtime.InteropServices;
using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Backends.Cuda.Memory;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>The whole path: a kernel file of this build, compiled, loaded, launched and read back through the real bindings.</summary>
public sealed class CudaContextTests
{
    private const int Silu = 1;

    [Fact]
    public void Launch_RunsAKernelOfThisBuild() => Setup.Run(setup =>
    {
        using CudaContext context = new();
        using KernelLibrary library = setup.Library(context);
        using DeviceMemory memory = new(context);
        using PinnedStaging staging = new(context);
        float[] x = [.. Enumerable.Range(0, 1003).Select(i => (i - 500) / 100f)];

        DeviceBlock input = memory.Take(x.Length * sizeof(float)), output = memory.Take(x.Length * sizeof(float));
        staging.Upload(MemoryMarshal.AsBytes<float>(x), input.Pointer);
        Activate(context, library, output, input, x.Length);
        float[] y = new float[x.Length];
        staging.Download(output.Pointer, MemoryMarshal.AsBytes(y.AsSpan()));

        for (int i = 0; i < x.Length; i++)
        {
            // Exponent, exponential, sum and quotient: each rounds once, the first in proportion to |x|.
            double expected = x[i] / (1 + Math.Exp(-(double)x[i]));
            Assert.Equal(expected, y[i], Math.Pow(2, -24) * Math.Abs(x[i]) * (Math.Abs(x[i]) + 8) + 1e-30);
        }

        Assert.Equal(1, setup.Emulator.Count("kernel:activate_f32"));
        Assert.Equal(x.Length * sizeof(float), setup.Emulator.Count("bytes.up"));
        memory.GiveBack(input);
        memory.GiveBack(output);
    });

    [Fact]
    public void Capture_RecordsAndReplays() => Setup.Run(setup =>
    {
        using CudaContext context = new();
        using KernelLibrary library = setup.Library(context);
        using DeviceMemory memory = new(context);
        using PinnedStaging staging = new(context);
        float[] x = [1, -2, 3], y = new float[3];
        DeviceBlock block = memory.Take(12);
        staging.Upload(MemoryMarshal.AsBytes<float>(x), block.Pointer);
        library.Expect("activate.cu");
        library.Get("activate.cu", "activate_f32");

        using (CudaGraph graph = context.Capture(() => Activate(context, library, block, block, 3)))
        {
            Assert.Equal(0, setup.Emulator.Count("kernels"));
            context.Launch(graph);
            context.Launch(graph);
        }

        staging.Download(block.Pointer, MemoryMarshal.AsBytes(y.AsSpan()));
        static double Apply(double v) => v / (1 + Math.Exp(-v));
        for (int i = 0; i < 3; i++)
            Assert.Equal(Apply(Apply(x[i])), y[i], 1e-6);
        Assert.Equal(2, setup.Emulator.Count("graphs"));
        Assert.Equal(2, setup.Emulator.Count("kernels"));
        memory.GiveBack(block);
    });

    [Fact]
    public void CountingOnly_RunsNothing_AndTakesNoMemory() => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        using CudaContext context = new();
        using KernelLibrary library = setup.Library(context);
        using DeviceMemory memory = new(context);
        long before = Environment.WorkingSet;
        DeviceBlock large = memory.Take(5_000_000_000); // more than a copy of it would leave of a small machine's memory
        for (int i = 0; i < 340; i++)
            Activate(context, library, large, large, 1 << 30);
        context.Synchronize();
        Assert.Equal(340, setup.Emulator.Count("kernel:activate_f32"));
        Assert.Equal(large.Bytes, setup.Emulator.Count("bytes.peak"));
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 500_000_000);
    });

    internal static void Activate(CudaContext context, KernelLibrary library, DeviceBlock y, DeviceBlock x, int count)
    {
        KernelArguments arguments = new();
        arguments.Add(y.Pointer);
        arguments.Add(x.Pointer);
        arguments.Add((nuint)count);
        arguments.Add(Silu);
        context.Launch(library.Get("activate.cu", "activate_f32"), new LaunchShape(2, 64), ref arguments);
    }
}
