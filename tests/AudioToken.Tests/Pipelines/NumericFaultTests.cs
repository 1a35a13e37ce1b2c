using AudioToken.Pipelines;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>NaN anywhere ends the request with the stage and step in which it came up; no black picture comes out.</summary>
public sealed class NumericFaultTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    [Theory]
    [InlineData("patch_embedding.weight", 0, "audio_token", "audio_token holds NaN at 0 of [1, 32]")]
    [InlineData(nameof(ITensorOps.AttentionPool), 0, "audio_token", "audio_token holds NaN at 0 of [1, 32]")]
    [InlineData("text_model.encoder.layers.0.mlp.fc1.weight", 0, "noise_pred.0", "noise_pred.0 holds NaN at 0 of [1, 8, 8, 4]")]
    [InlineData("conv_out.weight", 0, "noise_pred.0", "noise_pred.0 holds NaN at 0 of [1, 8, 8, 4]")]
    [InlineData("conv_out.weight", 3, "noise_pred.3", "noise_pred.3 holds NaN at 0 of [1, 8, 8, 4]")]
    [InlineData("decoder.conv_out.weight", 0, "image", "image holds NaN at 0 of [1, 64, 64, 3]")]
    [InlineData("decoder.conv_out.weight", 1, "image", "image holds NaN at 0 of [1, 64, 64, 3]")]
    public void NotANumber_NamesItsStage(string operation, int call, string stage, string message)
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        int live = ops.Cpu.LiveTensorCount;
        GenerationRequest request = TinyPipeline.Request with { Steps = 5, Count = 2 };
        int calls = 0;
        ops.Spoils = name => name == operation && calls++ == call;
        NumericFaultException fault = Assert.Throws<NumericFaultException>(() => pipeline.Generate(request, cancellation: TinyPipeline.TestEnd));
        Assert.Equal((7001, stage, message), (fault.Code, fault.Stage, fault.Message));
        Assert.Equal("'--trace FILE' shows where it began; weights are checked as they are loaded, so look at the sound and at --cfg-scale", fault.Hint);
        Assert.Equal(live, ops.Cpu.LiveTensorCount);

        // The next picture is that of an engine without a past.
        ops.Spoils = _ => false;
        Assert.Equal(tiny.Fresh(request), TinyPipeline.Bytes(pipeline.Generate(request, cancellation: TinyPipeline.TestEnd)));
    }

    [Fact]
    public void FaultyStep_IsNotTraced()
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        int calls = 0;
        ops.Spoils = name => name == "conv_out.weight" && calls++ == 1;
        GenerationTrace trace = new(TraceLevel.All);
        Assert.Throws<NumericFaultException>(() => pipeline.Generate(TinyPipeline.Request with { Trace = trace }, cancellation: TinyPipeline.TestEnd));
        Assert.Contains("latents.0", trace.Names);
        Assert.DoesNotContain("latents.1", trace.Names);
    }

    [Fact]
    public async Task Encode_NamesTheAudioToken()
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        ops.Spoils = name => name == "fc1.weight";
        NumericFaultException fault = await Assert.ThrowsAsync<NumericFaultException>(() => pipeline.EncodeAsync(TinyPipeline.Sound, TinyPipeline.TestEnd));
        Assert.Equal("audio_token", fault.Stage);
    }

    [Fact]
    public async Task GenerateEach_HandsOutWhatCameBefore()
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        int calls = 0;
        ops.Spoils = name => name == "decoder.conv_out.weight" && calls++ == 1;
        int images = 0;
        await Assert.ThrowsAsync<NumericFaultException>(async () =>
        {
            await foreach (GeneratedImage _ in pipeline.GenerateEachAsync(TinyPipeline.Request with { Count = 3 }, cancellation: TinyPipeline.TestEnd))
                images++;
        });
        Assert.Equal(1, images);
    }
}
