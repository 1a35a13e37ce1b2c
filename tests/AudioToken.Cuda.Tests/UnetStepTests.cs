using AudioToken.Backends.Cuda;
using AudioToken.Models.Unet;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>What one step of Stable Diffusion 1.4 asks of the device, counted by an emulated one that runs nothing.</summary>
public sealed class UnetStepTests(ITestOutputHelper output)
{
    [Fact]
    public void Step_AtRealSize_AsksForKernelsAlone() => Setup.Run(setup =>
    {
        EmulatedDevice device = setup.Emulator;
        device.Set("execute", 0);
        UnetConfig config = new() { ContextWidth = 768 };
        using CudaOps ops = new(new CudaOptions { Storage = DType.F16, KernelCacheFolder = null });
        using UnetModel unet = UnetModel.Load(ops, ArrayCheckpoint.Constant(CheckpointShapes.Unet(config), DType.F16, 0), config);
        using TensorScope scope = ops.Scope();
        UnetTimes times = unet.PrepareTimes(ops, [981, 961, 941]);
        UnetContext context = unet.PrepareContext(ops, ops.Upload(new float[2 * 77 * config.ContextWidth], [2, 77, config.ContextWidth]));
        Tensor latents = ops.Upload(new float[64 * 64 * 4], [1, 64, 64, 4]);
        void Step(int i)
        {
            using TensorScope step = ops.Scope();
            unet.Forward(ops, latents, times.Step(i), context);
        }

        Step(0);
        long held = device.Count("bytes.peak");
        string[] counted = ["kernels", "cuMemAllocAsync", "cuMemFreeAsync", "bytes.up", "bytes.down", "cuStreamQuery", "cuEventSynchronize"];
        long[] before = [.. counted.Select(device.Count)];
        IReadOnlyDictionary<string, long> start = device.Counts();
        Step(1);
        foreach ((string what, long number) in device.Counts().Where(entry => entry.Key.StartsWith("kernel:", StringComparison.Ordinal)))
            output.WriteLine($"{what["kernel:".Length..]} {number - start.GetValueOrDefault(what)}");
        long[] asked = [.. counted.Zip(before, (what, earlier) => device.Count(what) - earlier)];
        output.WriteLine(string.Join(", ", counted.Zip(asked, (what, times) => $"{what} {times}")) + $"; {held / 1e9:0.00} GB held at most");

        Assert.InRange(asked[0], 1, 340);
        Assert.All(asked[1..], times => Assert.Equal(0, times));
        Assert.InRange(held, 1, 3_200_000_000);
    });
}
