using System.Buffers.Binary;
using AudioToken.Audio;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>A trace holds the tensors that docs/DESIGN.md names, in PyTorch's layouts.</summary>
public sealed class TraceTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    [Theory]
    [InlineData(1, 7.5f, TraceLevel.All)]
    [InlineData(2, 7.5f, TraceLevel.All)]
    [InlineData(1, 1f, TraceLevel.All)]
    [InlineData(2, 1f, TraceLevel.All)]
    [InlineData(1, 7.5f, TraceLevel.Stage)]
    [InlineData(2, 1f, TraceLevel.Stage)]
    public void EveryTensor_HasItsNameAndShape(int images, float guidance, TraceLevel level)
    {
        GenerationTrace trace = Trace(TinyPipeline.Request with { Count = images, GuidanceScale = guidance }, level);
        // 8000 samples: 48 frames of 400 samples, 160 apart; 3 rows of 8 patches; 3 layers of 32 channels side by side.
        Dictionary<string, Shape> expected = new()
        {
            ["audio.samples"] = [images, 8000],
            ["audio.fbank"] = [images, 48, 128],
            ["beats.features"] = [images, 24, 96],
            ["audio_token"] = [images, 32],
            ["text.input_ids"] = [images, 77],
            ["text.uncond_ids"] = [images, 77],
            ["text.hidden_states"] = [images, 77, 32],
            ["text.uncond_hidden_states"] = [images, 77, 32],
            ["timesteps"] = [3],
            ["latents.init"] = [images, 4, 8, 8],
            ["image"] = [images, 3, 64, 64],
        };
        for (int i = 0; level == TraceLevel.All && i < 3; i++)
        {
            expected[$"noise_pred.{i}"] = [images, 4, 8, 8];
            expected[$"latents.{i}"] = [images, 4, 8, 8];
        }

        Assert.Equal(expected.Keys.Order(), trace.Names.Order());
        string path = Path.Combine(Directory.CreateTempSubdirectory("audiotoken-trace-").FullName, "trace.safetensors");
        trace.Save(path);
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            foreach ((string name, Shape shape) in expected)
            {
                bool ids = name is "text.input_ids" or "text.uncond_ids" or "timesteps";
                StoredTensor stored = Assert.Single(file.Tensors, tensor => tensor.Name == name);
                Assert.Equal((shape, ids ? "I64" : "F32"), (stored.Shape, stored.DType.ToString()));
                if (ids)
                    Assert.Equal(trace.Ids(name), Longs(file.ReadBytes(name)));
                else
                    Assert.Equal(trace[name].Values, file.Find(name)!.ReadAll());
            }
        }

        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void Values_AreThoseOfTheRequestAndResult()
    {
        GenerationTrace trace = new(TraceLevel.All);
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationRequest request = TinyPipeline.Request with { Count = 2, Sampler = SamplerKind.EulerAncestral, Trace = trace };
        GenerationResult result = pipeline.Generate(request, cancellation: TinyPipeline.TestEnd);

        Assert.Equal([.. TinyPipeline.Sound, .. TinyPipeline.Sound], trace["audio.samples"].Values);
        float[] features = Fbank.Compute(TinyPipeline.Sound);
        Assert.Equal([.. features, .. features], trace["audio.fbank"].Values);
        Assert.Equal([.. result.AudioToken.ToArray(), .. result.AudioToken.ToArray()], trace["audio_token"].Values);

        // Each picture's noise, channels first as the generator draws it, times the initial sigma.
        float[] noise = new float[512], init = trace["latents.init"].Values;
        new TorchCpuGenerator(11).Fill(noise.AsSpan(0, 256));
        new TorchCpuGenerator(12).Fill(noise.AsSpan(256));
        float sigma = init[0] / noise[0];
        Assert.True(sigma > 10); // Euler's samplers start at the schedule's largest sigma, 14.6 for Stable Diffusion
        for (int i = 0; i < noise.Length; i++)
            Assert.Equal(noise[i] * sigma, init[i], MathF.Abs(init[i]) * 4 / (1 << 24)); // a division and two products

        float[] image = trace["image"].Values;
        Assert.All(image, value => Assert.InRange(value, 0, 1));
        for (int b = 0; b < 2; b++)
        {
            ReadOnlySpan<byte> rgb = result.Images[b].Pixels.Rgb;
            for (int p = 0; p < 64 * 64; p++)
            {
                for (int c = 0; c < 3; c++)
                    Assert.Equal(MathF.Round(image[(b * 3 + c) * 64 * 64 + p] * 255), rgb[p * 3 + c]);
            }
        }
    }

    [Theory]
    [InlineData(SamplerKind.Ddim)]
    [InlineData(SamplerKind.EulerAncestral)]
    public void Tracing_ChangesNoPixel(SamplerKind sampler)
    {
        GenerationRequest request = TinyPipeline.Request with { Count = 2, Sampler = sampler };
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationResult traced = pipeline.Generate(request with { Trace = new GenerationTrace(TraceLevel.All) }, cancellation: TinyPipeline.TestEnd);
        Assert.Equal(TinyPipeline.Bytes(pipeline.Generate(request, cancellation: TinyPipeline.TestEnd)), TinyPipeline.Bytes(traced));
    }

    [Fact]
    public void GivenAudioToken_IsTracedWithoutASound()
    {
        GenerationTrace trace = Trace(TinyPipeline.Request with { AudioToken = new float[32] }, TraceLevel.Stage);
        Assert.Equal(new float[32], trace["audio_token"].Values);
        Assert.DoesNotContain("audio.samples", trace.Names);
        Assert.DoesNotContain("beats.features", trace.Names);
    }

    [Fact]
    public async Task GenerateEach_RefusesATraceOfSeveralPictures()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationRequest request = TinyPipeline.Request with { Count = 2, Trace = new GenerationTrace(TraceLevel.Stage) };
        AudioTokenException exception = await Assert.ThrowsAsync<AudioTokenException>(async () =>
        {
            await foreach (GeneratedImage _ in pipeline.GenerateEachAsync(request, cancellation: TinyPipeline.TestEnd))
                Assert.Fail("A picture came out of a refused request.");
        });
        Assert.Equal(
            (2022, "a trace of 2 pictures was asked for, but pictures drawn one by one overwrite each other's", "draw them together: GenerateAsync"),
            (exception.Code, exception.Message, exception.Hint));
    }

    [Fact]
    public void WrongKind_IsRefused()
    {
        GenerationTrace trace = Trace(TinyPipeline.Request, TraceLevel.Stage);
        Assert.StartsWith("'timesteps' holds I64, not F32.", Assert.Throws<ArgumentException>(() => trace["timesteps"]).Message, StringComparison.Ordinal);
        Assert.StartsWith("'image' holds F32, not I64.", Assert.Throws<ArgumentException>(() => trace.Ids("image")).Message, StringComparison.Ordinal);
        Assert.Throws<KeyNotFoundException>(() => trace["latents.0"]);
    }

    private GenerationTrace Trace(GenerationRequest request, TraceLevel level)
    {
        GenerationTrace trace = new(level);
        using AudioToImagePipeline pipeline = tiny.Load();
        pipeline.Generate(request with { Trace = trace }, cancellation: TinyPipeline.TestEnd);
        return trace;
    }

    private static long[] Longs(byte[] bytes) =>
        [.. Enumerable.Range(0, bytes.Length / 8).Select(i => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8 * i)))];
}
