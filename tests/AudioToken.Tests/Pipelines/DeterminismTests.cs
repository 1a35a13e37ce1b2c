using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>The same request gives the same pixels, whatever went before and whatever runs beside it.</summary>
public sealed class DeterminismTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    [Fact]
    public void SameRequestTwice_GivesTheSamePictures()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        byte[][] first = TinyPipeline.Bytes(pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd));
        Assert.Equal(first, TinyPipeline.Bytes(pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd)));
    }

    [Fact]
    public void AnotherSeedOrSound_GivesAnotherPicture()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        byte[][] first = TinyPipeline.Bytes(pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd));
        Assert.NotEqual(first, TinyPipeline.Bytes(pipeline.Generate(TinyPipeline.Request with { Seed = 12 }, cancellation: TinyPipeline.TestEnd)));
        Assert.NotEqual(first, TinyPipeline.Bytes(pipeline.Generate(
            TinyPipeline.Request with { Samples = TinyPipeline.Sound.AsMemory(4000) }, cancellation: TinyPipeline.TestEnd)));
    }

    [Theory]
    [InlineData(SamplerKind.Ddim, 7.5f)]
    [InlineData(SamplerKind.Pndm, 1f)]
    [InlineData(SamplerKind.EulerAncestral, 7.5f)]
    [InlineData(SamplerKind.Ddpm, 1f)]
    public void PictureOfABatch_IsThePictureOfItsSeedAlone(SamplerKind sampler, float guidance)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationRequest three = TinyPipeline.Request with
        {
            Count = 3, Seed = ulong.MaxValue - 1, Sampler = sampler, GuidanceScale = guidance, NegativePrompt = "a red cat",
        };
        byte[][] alone = [.. Enumerable.Range(0, 3).Select(i => TinyPipeline.Bytes(pipeline.Generate(
            three with { Count = 1, Seed = unchecked(three.Seed + (ulong)i) }, cancellation: TinyPipeline.TestEnd))[0])];
        Assert.Equal(3, alone.DistinctBy(Convert.ToHexString).Count());
        foreach (int size in (int[])[1, 2, 3])
        {
            GenerationResult result = pipeline.Generate(three with { BatchSize = size }, cancellation: TinyPipeline.TestEnd);
            Assert.Equal(alone, TinyPipeline.Bytes(result));
            Assert.Equal([0, 1, 2], result.Images.Select(image => image.Index));
            Assert.Equal([ulong.MaxValue - 1, ulong.MaxValue, 0], result.Images.Select(image => image.Seed)); // wraps at 2^64
            Assert.Equal(result.Images.Select(image => image.Seed), result.Images.Select(image => image.Parameters.Seed!.Value));
        }
    }

    [Fact]
    public void GivenLatents_AreSharedOutToThePictures()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        float[] noise = new float[3 * 4 * 8 * 8];
        new TorchCpuGenerator(5).Fill(noise);
        GenerationRequest three = TinyPipeline.Request with { Count = 3, Latents = noise, Sampler = SamplerKind.EulerAncestral };
        byte[][] alone = [.. Enumerable.Range(0, 3).Select(i => TinyPipeline.Bytes(pipeline.Generate(
            three with { Count = 1, Seed = three.Seed + (ulong)i, Latents = noise.AsMemory(i * 256, 256) }, cancellation: TinyPipeline.TestEnd))[0])];
        foreach (int size in (int[])[1, 2, 3])
            Assert.Equal(alone, TinyPipeline.Bytes(pipeline.Generate(three with { BatchSize = size }, cancellation: TinyPipeline.TestEnd)));
    }

    [Fact]
    public void ThreadCount_ChangesNoPixel()
    {
        GenerationRequest request = TinyPipeline.Request with { Count = 2, BatchSize = 2, Width = 72, Height = 104 };
        byte[][] one = tiny.Fresh(request);
        foreach (int threads in (int[])[2, 3])
        {
            using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, TinyPipeline.NewOps(threads));
            Assert.Equal(one, TinyPipeline.Bytes(pipeline.Generate(request, cancellation: TinyPipeline.TestEnd)));
        }
    }

    [Fact]
    public async Task GenerateEach_GivesTheSamePicturesAndHearsTheSoundOnce()
    {
        ScriptedOps ops = new();
        int sounds = 0;
        ops.OnOperation = name => sounds += name == nameof(ITensorOps.AttentionPool) ? 1 : 0;
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        GenerationRequest three = TinyPipeline.Request with { Count = 3, Seed = ulong.MaxValue };
        GenerationResult together = await pipeline.GenerateAsync(three, cancellation: TinyPipeline.TestEnd);
        Assert.Equal(1, sounds);

        sounds = 0;
        List<GeneratedImage> each = [];
        await foreach (GeneratedImage image in pipeline.GenerateEachAsync(three, cancellation: TinyPipeline.TestEnd))
            each.Add(image);
        Assert.Equal(1, sounds);
        Assert.Equal(TinyPipeline.Bytes(together), each.Select(image => image.Pixels.Rgb.ToArray()));
        Assert.Equal(together.Images.Select(image => (image.Index, image.Seed, image.Parameters)), each.Select(image => (image.Index, image.Seed, image.Parameters)));
    }

    [Fact]
    public async Task GenerateEach_CountsItsPicturesAsOneRequest()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        List<(int, int, ulong)> reports = [];
        Listener listener = new(progress => reports.Add((progress.Image, progress.Images, progress.Seed)));
        await foreach (GeneratedImage image in pipeline.GenerateEachAsync(TinyPipeline.Request with { Count = 2 }, listener, TinyPipeline.TestEnd))
            Assert.InRange(image.Index, 0, 1);
        Assert.Equal([(0, 2, 11), (1, 2, 12)], reports.Distinct());
    }

    [Fact]
    public async Task TokenOfEncode_DrawsWhatTheSoundDraws()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationResult heard = await pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd);
        float[] token = await pipeline.EncodeAsync(TinyPipeline.Sound, TinyPipeline.TestEnd);
        Assert.Equal(heard.AudioToken.ToArray(), token);
        GenerationRequest given = TinyPipeline.Request with { Samples = default, AudioToken = token };
        Assert.Equal(TinyPipeline.Bytes(heard), TinyPipeline.Bytes(await pipeline.GenerateAsync(given, cancellation: TinyPipeline.TestEnd)));
    }

    [Fact]
    public void Requests_FromManyThreadsAtOnce_GiveEachItsOwnPicture()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        byte[][][] drawn = new byte[6][][];
        Parallel.For(0, 6, i => drawn[i] = TinyPipeline.Bytes(pipeline.Generate(TinyPipeline.Request with { Seed = (ulong)(i % 3) })));
        byte[][] batch = tiny.Fresh(TinyPipeline.Request with { Seed = 0, Count = 3 });
        for (int i = 0; i < 6; i++)
            Assert.Equal(batch[i % 3], drawn[i][0]);
    }
}
