using AudioToken.Pipelines;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>A decoder that meets with too little memory goes on in strips (RELIABILITY 48).</summary>
public sealed class ShortMemoryTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    [Fact]
    public void ShortDecoder_DecodesInStrips_AndSaysSo()
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        int live = ops.Cpu.LiveTensorCount, calls = 0;
        ops.OnOperation = name =>
        {
            if (name == "decoder.conv_out.weight" && calls++ == 0)
                throw new AudioTokenException(6001, "cpu: the system refused 5 bytes of memory.");
        };
        GenerationResult result = pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd);
        Assert.Equal($"cpu: the system refused 5 bytes of memory. (seed {TinyPipeline.Request.Seed}): the picture was decoded in strips, as by --tiled-vae", Assert.Single(result.Warnings));
        Assert.Equal(TinyPipeline.Bytes(pipeline.Generate(TinyPipeline.Request with { TiledVae = true }, cancellation: TinyPipeline.TestEnd)), TinyPipeline.Bytes(result));

        // What is too much in strips as well ends the request.
        ops.OnOperation = name =>
        {
            if (name == "decoder.conv_out.weight")
                throw new AudioTokenException(6001, "cpu: the system refused 5 bytes of memory.");
        };
        Assert.Equal(6001, Assert.Throws<AudioTokenException>(() => pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd)).Code);
        Assert.Equal(live, ops.Cpu.LiveTensorCount);
    }
}
