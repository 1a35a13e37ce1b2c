using AudioToken.Bench;
using AudioToken.Bench.Cases;
using Xunit;

namespace AudioToken.Tests.Bench;

/// <summary>The operations of a UNet step, held against those counted in PyTorch's graph of the same network.</summary>
public sealed class UnetStepTests
{
    [Fact]
    public void Step_OfStableDiffusion_HasPyTorchsFlops()
    {
        // PyTorch's graph at batch 2, 64x64 latents, 77 tokens; less what depends on text and time alone, which a step here does not do.
        const double Graph = 1606.54688256e9;
        double context = 2.0 * 154 * 768 * (12 * 1280 + 10 * 640 + 10 * 320);
        double time = 2.0 * 2 * (320 * 1280 + 1280 * (13 * 1280 + 5 * 640 + 5 * 320));

        StepRecorder step = UnetStep.Record(SizedModel.StableDiffusion14.Unet, 2);

        Assert.Equal(Graph - context - time, step.Calls.Sum(call => call.Key.Flops * call.Value), tolerance: 1);
        Assert.Empty(step.Others);
    }

    [Theory]
    [InlineData("conv2d", "2x64x64x4,320,3x3,norm", 1)]
    [InlineData("conv2d", "2x64x64x320,320,3x3,stride2,norm", 1)]
    [InlineData("conv2d", "2x32x32x640,640,3x3,up64x64,norm", 1)]
    [InlineData("conv2d", "2x64x64x320,320,3x3,shortcut640+320,norm", 1)]
    [InlineData("conv2d", "2x32x32x640,640,3x3,shortcut320,norm", 1)]
    [InlineData("conv2d", "2x64x64x640+320,320,1x1", 0)] // within the former
    [InlineData("linear", "8192x320,2560,geglu", 5)]
    [InlineData("linear", "8192x320,320,nobias", 5)] // queries of the cross-attentions
    [InlineData("project", "8192x320,320,3,nobias", 5)] // of the self-attentions
    [InlineData("linear", "8192x1280,320,through320,residual,norm", 5)] // the end of a transformer
    [InlineData("linear", "8192x1280,320,residual", 0)] // within the former
    [InlineData("attention", "2x4096x320,4096,8", 5)]
    [InlineData("attention", "2x4096x320,77,8", 5)]
    [InlineData("layer-norm", "8192x320", 15)]
    public void Step_AsksForACase(string operation, string shape, int calls)
    {
        StepRecorder step = UnetStep.Record(SizedModel.StableDiffusion14.Unet, 2);

        Assert.Equal(calls, step.Calls.Where(call => call.Key == KernelCases.Parse(operation, shape)).Sum(call => call.Value));
    }

    [Theory, InlineData(1), InlineData(16)]
    public void Step_GrowsWithItsBatch(int batch) =>
        Assert.Equal(
            batch * Flops(1), Flops(batch), tolerance: 1);

    [Fact]
    public void Cases_AreReadBackFromTheirText() =>
        Assert.All(SizedModel.All.SelectMany(size => UnetStep.Record(size.Unet, 2).Calls), call => Assert.Equal(call.Key, KernelCases.Parse(call.Key.Operation, call.Key.Shape)));

    private static double Flops(int batch) => UnetStep.Record(SizedModel.StableDiffusion14.Unet, batch).Calls.Sum(call => call.Key.Flops * call.Value);
}
