using AudioToken.Audio;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>Ranges of a request: what is outside them is refused before anything runs, and says what would do.</summary>
public sealed class RequestRangeTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    private const string Multiple = "wanted a multiple of 8 from 64 to 4096";

    [Theory]
    [InlineData(-8, 64)]
    [InlineData(1, 64)]
    [InlineData(56, 64)]
    [InlineData(65, 64)]
    [InlineData(101, 104)]
    [InlineData(4097, 4096)]
    [InlineData(65536, 4096)]
    [InlineData(int.MinValue, 64)]
    [InlineData(int.MaxValue, 4096)]
    public void Size_OutOfRange_IsRefusedWithTheNearest(int side, int nearest)
    {
        Refuses(TinyPipeline.Request with { Width = side }, 2021, $"the width is {side}, {Multiple}", $"the nearest is {nearest}");
        Refuses(TinyPipeline.Request with { Height = side }, 2021, $"the height is {side}, {Multiple}", $"the nearest is {nearest}");
        Draws(TinyPipeline.Request with { Width = Math.Min(nearest, 104), Steps = 1 });
    }

    [Fact]
    public void Size_Zero_IsTheModelsOwn()
    {
        GenerationResult result = Draws(TinyPipeline.Request with { Width = 0, Height = 0, Steps = 1 });
        Assert.Equal((128, 128), (result.Images[0].Pixels.Width, result.Images[0].Pixels.Height));
    }

    // Latents of 13 rows and 9 columns halve to 7 x 5, 4 x 3, 2 x 2 and grow back to the same.
    [Theory]
    [InlineData(72, 104)]
    [InlineData(88, 64)]
    [InlineData(64, 120)]
    public void Size_OfOddLatents_IsDrawnWhole(int width, int height)
    {
        GenerationTrace trace = new(TraceLevel.All);
        GenerationResult result = Draws(TinyPipeline.Request with { Width = width, Height = height, Trace = trace });
        Assert.Equal((width, height), (result.Images[0].Pixels.Width, result.Images[0].Pixels.Height));
        Assert.Equal([1, 4, height / 8, width / 8], trace["noise_pred.2"].Shape);
        Assert.Equal([1, 3, height, width], trace["image"].Shape);
        Assert.True(result.Images[0].Pixels.Rgb.ToArray().Distinct().Count() > 8);
    }

    [Fact]
    public async Task Nothing_IsRefusedByName()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationRequest request = TinyPipeline.Request;
        foreach ((GenerationRequest wrong, string name) in ((GenerationRequest, string)[])
            [
                (null!, "request"), (request with { Sounds = null! }, "request.Sounds"), (request with { Sounds = [null!] }, "sound"),
                (request with { NegativePrompt = null! }, "request.NegativePrompt"), (request with { SamplerOptions = null! }, "request.SamplerOptions"),
            ])
        {
            await Assert.ThrowsAsync<ArgumentNullException>(name, () => pipeline.GenerateAsync(wrong, cancellation: TestContext.Current.CancellationToken));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1001)]
    [InlineData(10_000)]
    public void Steps_OutOfRange_AreRefused(int steps) => Refuses(
        TinyPipeline.Request with { Steps = steps }, 2401, $"steps is {steps}, expected 1 to 1000, the model's training timesteps.", "--steps 50");

    [Theory]
    [InlineData(SamplerKind.Pndm)]
    [InlineData(SamplerKind.Ddim)]
    [InlineData(SamplerKind.Ddpm)]
    [InlineData(SamplerKind.DpmSolverPlusPlus2M)]
    [InlineData(SamplerKind.Euler)]
    [InlineData(SamplerKind.EulerAncestral)]
    public void OneStep_DrawsAPicture(SamplerKind sampler) => Draws(TinyPipeline.Request with { Steps = 1, Sampler = sampler });

    [Theory]
    [InlineData(SamplerKind.Pndm, "sampling method pndm: 1000 steps with steps_offset 1 reach timestep 1000, expected at most 999.", "fewer --steps")]
    [InlineData(SamplerKind.Ddim, "sampling method ddim: 1000 steps with steps_offset 1 reach timestep 1000, expected at most 999.", "fewer --steps")]
    [InlineData(SamplerKind.Ddpm, "sampling method ddpm: 1000 steps with steps_offset 1 reach timestep 1000, expected at most 999.", "fewer --steps")]
    [InlineData(SamplerKind.DpmSolverPlusPlus2M, "sampling method dpm++2m: step 501 of 1000 has no finite size, expected timesteps that differ.", "fewer --steps")]
    public void AThousandSteps_AreRefusedByWhoHasNoRoomForThem(SamplerKind sampler, string message, string hint) =>
        Refuses(TinyPipeline.Request with { Steps = 1000, Sampler = sampler }, 2401, message, hint);

    [Theory]
    [InlineData(SamplerKind.Euler)]
    [InlineData(SamplerKind.EulerAncestral)]
    public void AThousandSteps_ArePlannedByTheOthers(SamplerKind sampler)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        using CancellationTokenSource source = new();
        int steps = 0;
        Listener listener = new(progress =>
        {
            steps = progress.Steps;
            if (progress.Phase == GenerationPhase.Denoising && progress.Step == 2)
                source.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => pipeline.Generate(TinyPipeline.Request with { Steps = 1000, Sampler = sampler }, listener, source.Token));
        Assert.Equal(1000, steps);
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "Infinity")]
    [InlineData(float.NegativeInfinity, "-Infinity")]
    [InlineData(-0.5f, "-0.5")]
    [InlineData(100.5f, "100.5")]
    public void Guidance_OutOfRange_IsRefused(float scale, string shown) => Refuses(
        TinyPipeline.Request with { GuidanceScale = scale }, 2022, $"the guidance scale is {shown}, wanted 0 to 100", "7.5 is usual; 1 switches guidance off");

    [Fact]
    public void Guidance_OfAtMostOne_IsNone()
    {
        byte[][] none = TinyPipeline.Bytes(Draws(TinyPipeline.Request with { GuidanceScale = 1 }));
        Assert.Equal(none, TinyPipeline.Bytes(Draws(TinyPipeline.Request with { GuidanceScale = 0 })));
        Assert.Equal(none, TinyPipeline.Bytes(Draws(TinyPipeline.Request with { GuidanceScale = 1, NegativePrompt = "a red cat" })));
        Assert.NotEqual(none, TinyPipeline.Bytes(Draws(TinyPipeline.Request with { GuidanceScale = 7.5f })));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1001)]
    [InlineData(1_000_000)]
    public async Task Count_OutOfRange_IsRefused(int count)
    {
        Refuses(TinyPipeline.Request with { Count = count }, 2022, $"{count} pictures were asked for; 1 to 1000 can be", "ask for several batches");
        using AudioToImagePipeline pipeline = tiny.Load();
        await Assert.ThrowsAsync<AudioTokenException>(async () =>
        {
            await foreach (GeneratedImage _ in pipeline.GenerateEachAsync(TinyPipeline.Request with { Count = count }, cancellation: TinyPipeline.TestEnd))
                Assert.Fail("A picture came out of a refused request.");
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    public void BatchSize_OutOfRange_IsRefused(int size) =>
        Refuses(TinyPipeline.Request with { BatchSize = size }, 2022, $"the batch size is {size}, wanted at least 1", null);

    [Fact]
    public void BatchSize_BeyondTheCount_IsTheCount() =>
        Assert.Equal(TinyPipeline.Bytes(Draws(TinyPipeline.Request)), TinyPipeline.Bytes(Draws(TinyPipeline.Request with { BatchSize = int.MaxValue })));

    [Theory]
    [InlineData(0)]
    [InlineData(1ul << 63)]
    [InlineData(ulong.MaxValue)]
    public void Seed_IsAny64Bits(ulong seed) => Assert.Equal(seed, Draws(TinyPipeline.Request with { Seed = seed, Steps = 1 }).Images[0].Seed);

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Eta_OutOfRange_IsRefused(double eta) => Refuses(
        TinyPipeline.Request with { SamplerOptions = new SamplerOptions { Eta = eta } },
        2403, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"eta is {eta}, expected 0 to 1."), null);

    [Fact]
    public void TraceBeyondOneArray_IsRefused() => Refuses(
        TinyPipeline.Request with { Width = 4096, Height = 4096, Count = 11, Trace = new GenerationTrace(TraceLevel.Stage) },
        2022, "a trace keeps 11 pictures of 4096x4096 side by side, 553648128 values; at most 536870911 can be", "trace fewer or smaller pictures");

    [Fact]
    public void NoiseBeyondOneArray_IsRefused() => Refuses(
        TinyPipeline.Request with { Width = 4096, Height = 4096, Count = 5, BatchSize = 4, Sampler = SamplerKind.EulerAncestral, Steps = 600 },
        2022, "600 steps draw noise for 4 pictures of 4096x4096 at once, 2516582400 values; at most 2147483591 can be", "draw fewer at once, or take fewer --steps");

    [Fact]
    public void SoundBeyondTheLongestWindow_IsRefused() => Refuses(
        TinyPipeline.Request with { Samples = new float[1_920_001] },
        3045, "the sound has 1920001 samples at 16 kHz, wanted at most 1920000 (120 s)", "choose a part: --window start:S,dur:D");

    [Theory]
    [InlineData(0)]
    [InlineData(2799)]
    public async Task Sound_TooShort_IsRefused(int samples)
    {
        string message = $"the sound has {samples} samples at 16 kHz, wanted at least 2800 (175 ms)", hint = "repeat it, or use --window official, which does";
        Refuses(TinyPipeline.Request with { Samples = TinyPipeline.Sound.AsMemory(0, samples) }, 3042, message, hint);
        using AudioToImagePipeline pipeline = tiny.Load();
        AudioTokenException exception = await Assert.ThrowsAsync<AudioTokenException>(
            () => pipeline.EncodeAsync(TinyPipeline.Sound.AsMemory(0, samples), TinyPipeline.TestEnd));
        Assert.Equal((3042, message, hint), (exception.Code, exception.Message, exception.Hint));
    }

    [Fact]
    public void Sound_OfTheLeastLength_IsHeard() => Draws(TinyPipeline.Request with { Samples = TinyPipeline.Sound.AsMemory(0, 2800), Steps = 1 });

    [Fact]
    public void Sound_OfNoNumber_IsRefused()
    {
        float[] sound = [.. TinyPipeline.Sound];
        sound[17] = float.NaN;
        using AudioToImagePipeline pipeline = tiny.Load();
        AudioFormatException exception = Assert.Throws<AudioFormatException>(
            () => pipeline.Generate(TinyPipeline.Request with { Samples = sound }, cancellation: TinyPipeline.TestEnd));
        Assert.Equal((3011, "fbank: sample 17 is NaN; samples are finite numbers in [-1, 1]."), (exception.Code, exception.Message));
    }

    [Fact]
    public void AudioToken_OfAnotherWidth_IsRefused() => Refuses(
        TinyPipeline.Request with { AudioToken = new float[48] },
        3041, "the audio token has 48 values, but the text encoder of tiny-hf wants 32", "encode the sound with this model: audiotoken encode");

    [Fact]
    public void AudioToken_OfNoNumber_IsRefused()
    {
        float[] token = new float[32];
        token[5] = float.PositiveInfinity;
        Refuses(TinyPipeline.Request with { AudioToken = token }, 3043, "the audio token holds Infinity at 5, wanted finite numbers", "encode the sound again: audiotoken encode");
    }

    [Theory]
    [InlineData(255)]
    [InlineData(512)]
    public void Latents_OfAnotherSize_AreRefused(int values) => Refuses(
        TinyPipeline.Request with { Latents = new float[values] },
        2022, $"the latents hold {values} values, wanted [1, 4, 8, 8], 256 values", "give -W, -H and -b the size that the latents were made for");

    [Fact]
    public void Latents_OfNoNumber_AreRefused()
    {
        float[] latents = new float[256];
        latents[255] = float.NaN;
        Refuses(TinyPipeline.Request with { Latents = latents }, 3044, "the latents hold NaN at 255, wanted finite numbers", "draw them again, or leave them out");
    }

    private void Refuses(GenerationRequest request, int code, string message, string? hint)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        AudioTokenException exception = Assert.ThrowsAny<AudioTokenException>(
            () => { _ = pipeline.GenerateAsync(request, new Listener(_ => Assert.Fail("A refused request ran.")), TinyPipeline.TestEnd); });
        Assert.Equal((code, message, hint), (exception.Code, exception.Message, exception.Hint));
    }

    private GenerationResult Draws(GenerationRequest request)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        return pipeline.Generate(request, cancellation: TinyPipeline.TestEnd);
    }
}
