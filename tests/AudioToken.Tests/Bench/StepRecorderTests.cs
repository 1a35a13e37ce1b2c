using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Bench;

/// <summary>What is recorded of stages, against what their operations are counted to be.</summary>
public sealed class StepRecorderTests
{
    [Theory, InlineData("beats"), InlineData("text"), InlineData("unet-2"), InlineData("step-2"), InlineData("vae")]
    public void Stage_IsRecordedWithAllItsFlops(string stage)
    {
        ShapeOps shapes = new();
        using TensorScope scope = shapes.Scope();
        StageProfile profile = new(shapes);
        using Stages stages = new(shapes, BenchModel.Synthetic(SizedModel.StableDiffusion14));
        stages.Build(stage).Run(profile);

        StepRecorder recorded = StepRecorder.OfStage(SizedModel.StableDiffusion14, stage);

        Assert.Equal(profile.Flops, recorded.Calls.Sum(call => call.Key.Flops * call.Value));
        Assert.All(recorded.Calls.Keys, item => Assert.Equal(item, KernelCases.Parse(item.Operation, item.Shape)));
    }

    [Theory]
    [InlineData("beats", "conv2d", "1x998x128x1,512,16x16,stride16,nopad,nobias", 1)]
    [InlineData("beats", "grouped-conv1d", "1x496x768,16,128,gelu,residual", 1)]
    [InlineData("beats", "project", "496x768,768,3", 12)]
    [InlineData("unet-2", "project", "154x768,1280,2,nobias", 6)] // keys and values of the text
    [InlineData("beats", "attention", "1x496x768,496,12,gated-bias", 12)]
    [InlineData("vae", "attention", "1x4096x512,4096,1", 1)]
    [InlineData("vae", "conv2d", "1x512x512x128,128,3x3,residual,norm", 2)]
    [InlineData("vae", "conv2d", "1x512x512x128,128,3x3,shortcut256,norm", 1)]
    [InlineData("vae", "conv2d", "1x256x256x256,256,3x3,up512x512,norm", 1)]
    [InlineData("unet-2", "group-norm", "2x64x1280,32,silu,told", 11)] // four residual blocks with both norms, three with the second
    public void Stage_AsksForACase(string stage, string operation, string shape, int calls) =>
        Assert.Equal(calls, StepRecorder.OfStage(SizedModel.StableDiffusion14, stage).Calls.GetValueOrDefault(KernelCases.Parse(operation, shape)));

    [Fact]
    public void GuidedStep_DoesOnceWhatComesBeforeTheFirstCrossAttention()
    {
        // Of one of the two samples: the first convolution, a residual block, and of a transformer the projection and the self-attention with its four products.
        const double Pixels = 4096, Channels = 320;
        const double Shared = 2 * Pixels * 9 * 4 * Channels + 2 * (2 * Pixels * 9 * Channels * Channels) + 5 * (2 * Pixels * Channels * Channels) + 4 * Pixels * Pixels * Channels;

        StepRecorder guided = StepRecorder.OfStage(SizedModel.StableDiffusion14, "step-2"), plain = UnetStep.Record(SizedModel.StableDiffusion14.Unet, batch: 2);

        Assert.Equal(Flops(plain) - Shared, Flops(guided), tolerance: 1);
        Assert.Equal(3, guided.Others["RepeatBatch"]); // both inputs of the cross-attention's block, and the first convolution's result for the way up
        Assert.Equal((1, 1), (guided.Others["Advance"], guided.Others["FirstFault"])); // guidance with the sampler's part, as the pipeline's loop has it

        static double Flops(StepRecorder step) => step.Calls.Sum(call => call.Key.Flops * call.Value);
    }
}
