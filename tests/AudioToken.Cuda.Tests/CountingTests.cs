using AudioToken.Backends.Cuda;
using AudioToken.Models.Unet;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary>A backend opened for counting asks for the memory that a computing one takes, and for nothing else.</summary>
public sealed class CountingTests
{
    private static readonly UnetConfig s_config = new()
    {
        Channels = [32, 64], Heads = [2, 4], DownAttention = [true, false], UpAttention = [true, false],
        LayersPerBlock = 1, ContextWidth = 24, NormGroups = 8,
    };

    [Theory]
    [InlineData(DType.F16, 8)]
    [InlineData(DType.BF16, 8)]
    [InlineData(DType.F32, 8)]
    [InlineData(DType.F16, 7)] // an enlargement to not quite twice the sides, whose weight takes a second form
    public void Count_IsWhatAStepTakes(DType storage, int side) => Setup.Run(setup =>
    {
        setup.Emulator.Set("execute", 0);
        CudaOptions options = new() { Storage = storage, KernelCacheFolder = null };
        MemoryUse taken;
        using (CudaOps ops = new(options))
        {
            Step(ops, side);
            taken = ops.Memory;
        }

        setup.Emulator.Reset();
        using CountingOps counting = CudaOps.Count(options);
        Step(counting, side);
        Assert.Equal(taken, counting.Memory);
        Assert.True(taken.PeakHeldBytes > 0);
        Assert.Equal((0, 0), (setup.Emulator.Count("kernels"), setup.Emulator.Count("cuMemAllocAsync")));
    });

    private static void Step(ITensorOps ops, int side)
    {
        using UnetModel unet = UnetModel.Load(ops, ArrayCheckpoint.Constant(CheckpointShapes.Unet(s_config), DType.F16, 0.5f), s_config);
        using TensorScope scope = ops.Scope();
        UnetTimes times = unet.PrepareTimes(ops, [981, 961]);
        UnetContext context = unet.PrepareContext(ops, ops.Upload(new float[2 * 7 * 24], [2, 7, 24]));
        Tensor noise = unet.Forward(ops, ops.Upload(new float[side * side * 4], [1, side, side, 4]), times.Step(1), context);
        ops.Download(ops.RepeatBatch(noise, 2), new float[2 * noise.Shape.Count]);
    }
}
