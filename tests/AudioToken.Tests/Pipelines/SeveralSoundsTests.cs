using AudioToken.Pipelines;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>Several sounds in one prompt, and how strongly each is meant.</summary>
public sealed class SeveralSoundsTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    private static readonly SoundInput s_first = new() { Samples = TinyPipeline.Sound, Name = "first.wav", Hash = "aa" };
    private static readonly SoundInput s_second = new() { Samples = TinyPipeline.Sound.AsMemory(3000), Name = "second.wav" };

    [Fact]
    public void EachSound_StandsInThePromptInItsOrder()
    {
        GenerationTrace there = Trace(s_first, s_second), back = Trace(s_second, s_first);
        (float[] first, float[] second) = (there["audio_token"].Values, there["audio_token.1"].Values);
        Assert.NotEqual(first, second);
        Assert.Equal(second, back["audio_token"].Values);
        Assert.Equal(first, back["audio_token.1"].Values);
        Assert.Equal(TinyPipeline.Sound[3000..], there["audio.samples.1"].Values);

        // The placeholder's ids: the vocabulary's size, and the next one.
        long[] placeholders = [.. there.Ids("text.input_ids").Where(id => id >= 1000)];
        Assert.Equal([1000, 1001], placeholders);
        Assert.Equal(there.Ids("text.input_ids"), back.Ids("text.input_ids"));
        Assert.NotEqual(there["text.hidden_states"].Values, back["text.hidden_states"].Values);
    }

    [Fact]
    public void SameSoundTwice_IsTheSameTokenTwice()
    {
        GenerationTrace trace = Trace(s_first, s_first);
        Assert.Equal(trace["audio_token"].Values, trace["audio_token.1"].Values);
    }

    [Fact]
    public void Weight_ScalesTheToken()
    {
        GenerationResult whole = Draw(TinyPipeline.Request);
        float[] half = [.. whole.AudioToken.ToArray().Select(value => value * 0.5f)];
        GenerationRequest weighted = TinyPipeline.Request with { Sounds = [TinyPipeline.Request.Sounds[0] with { Weight = 0.5f }] };
        GenerationResult drawn = Draw(weighted);
        Assert.Equal(whole.AudioToken, drawn.AudioToken.ToArray()); // as the embedder gave it
        Assert.Equal(TinyPipeline.Bytes(Draw(TinyPipeline.Request with { AudioToken = half })), TinyPipeline.Bytes(drawn));
        Assert.NotEqual(TinyPipeline.Bytes(whole), TinyPipeline.Bytes(drawn));
        Assert.Equal("0.5", drawn.Images[0].Parameters.AudioWeight);
    }

    [Fact]
    public void Metadata_NamesEverySound()
    {
        GenerationRequest request = TinyPipeline.Request with { Sounds = [s_first, s_second with { Weight = 2 }], Steps = 1 };
        Assert.Equal(
            ("first.wav, second.wav", "aa, ?", "1, 2", "a photo of <*> and <*>, 4k, high resolution"),
            Draw(request).Images[0].Parameters is var made ? (made.Audio, made.AudioHash, made.AudioWeight, made.Prompt) : default);
    }

    [Fact]
    public async Task SoundsAreHeardOnce_AndDrawTheSamePictures()
    {
        GenerationRequest request = TinyPipeline.Request with { Sounds = [s_first, s_second], Count = 2 };
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationResult together = pipeline.Generate(request, cancellation: TinyPipeline.TestEnd);
        Assert.Equal(TinyPipeline.Bytes(together), TinyPipeline.Bytes(pipeline.Generate(request.WithTokens(together.AudioTokens), cancellation: TinyPipeline.TestEnd)));
        int index = 0;
        await foreach (GeneratedImage image in pipeline.GenerateEachAsync(request, cancellation: TinyPipeline.TestEnd))
            Assert.Equal(together.Images[index++].Pixels.Rgb.ToArray(), image.Pixels.Rgb.ToArray());
    }

    [Theory]
    [InlineData(-0.1f, "-0.1")]
    [InlineData(10.5f, "10.5")]
    [InlineData(float.NaN, "NaN")]
    public void Weight_OutOfRange_IsRefused(float weight, string shown)
    {
        AudioTokenException refusal = Assert.Throws<AudioTokenException>(() => Draw(TinyPipeline.Request with { Sounds = [s_first with { Weight = weight }] }));
        Assert.Equal((2022, $"the weight of a sound is {shown}, wanted 0 to 10", "1 is as the embedder was trained"), (refusal.Code, refusal.Message, refusal.Hint));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(17)]
    public void NumberOfSounds_OutOfRange_IsRefused(int sounds)
    {
        AudioTokenException refusal = Assert.Throws<AudioTokenException>(() => Draw(TinyPipeline.Request with { Sounds = [.. Enumerable.Repeat(s_first, sounds)] }));
        Assert.Equal((2022, $"{sounds} sounds are given, wanted 1 to 16"), (refusal.Code, refusal.Message));
    }

    private GenerationTrace Trace(params SoundInput[] sounds)
    {
        GenerationTrace trace = new(TraceLevel.Stage);
        Draw(TinyPipeline.Request with { Sounds = sounds, Prompt = "<*> <*>", Steps = 1, Trace = trace });
        return trace;
    }

    private GenerationResult Draw(GenerationRequest request)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        return pipeline.Generate(request, cancellation: TinyPipeline.TestEnd);
    }
}
