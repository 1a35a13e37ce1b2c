using AudioToken.Pipelines;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>The placeholder stands once in the prompt, where the text encoder sees it; whatever else happens is said.</summary>
public sealed class PromptTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    // Each "a" is one token of the small vocabulary.
    private static readonly string s_long = string.Concat(Enumerable.Repeat("a ", 80)).TrimEnd();

    [Theory]
    [InlineData("a dog", "a dog <*>")]
    [InlineData("", "<*>")]
    [InlineData("  \t", "<*>")]
    [InlineData("a &lt;*&gt; dog", "a &lt;*&gt; dog <*>")] // an entity is no placeholder
    [InlineData("a < * > dog", "a < * > dog <*>")]
    public void Placeholder_Absent_IsAppendedWithAWarning(string prompt, string completed)
    {
        (GenerationResult result, GenerationTrace trace) = Draw(prompt);
        Assert.Equal([$"the prompt has no <*>: drawing '{completed}'"], result.Warnings);
        Assert.Equal(completed, result.Images[0].Parameters.Prompt);
        (_, GenerationTrace written) = Draw(completed);
        Assert.Equal(written.Ids("text.input_ids"), trace.Ids("text.input_ids"));
        Assert.Single(trace.Ids("text.input_ids"), PlaceholderId(trace));
    }

    [Fact]
    public void Placeholder_Absent_IsAnErrorInStrictMode() => Refuses(
        TinyPipeline.Request with { Prompt = "a dog", StrictPrompt = true },
        2012, "the prompt 'a dog' has no <*>, so the sound would not be heard", "write <*> where the sound belongs, e.g. \"a photo of <*>, 4k, high resolution\"");

    [Theory]
    [InlineData("<*>")]
    [InlineData("<*> a dog")]
    [InlineData("a dog<*>barks")]
    public void Placeholder_Once_IsDrawnWithoutAWord(string prompt)
    {
        (GenerationResult result, GenerationTrace trace) = Draw(prompt, strict: true);
        Assert.Empty(result.Warnings);
        Assert.Equal(prompt, result.Images[0].Parameters.Prompt);
        Assert.Single(trace.Ids("text.input_ids"), PlaceholderId(trace));
    }

    [Theory]
    [InlineData("<*> and <*>", 2)]
    [InlineData("<*><*><*>", 3)]
    public void Placeholder_MoreThanOnce_IsAnError(string prompt, int count) => Refuses(
        TinyPipeline.Request with { Prompt = prompt }, 2011, $"the prompt holds <*> {count} times, but there is one sound", "write <*> once");

    [Theory]
    [InlineData("a photo of <*>", "once", 2)]
    [InlineData("<*> <*> <*>", "3 times", 2)]
    public void Placeholders_OtherThanTheSounds_AreAnError(string prompt, string found, int sounds) => Refuses(
        TinyPipeline.Request with { Sounds = [.. Enumerable.Repeat(TinyPipeline.Request.Sounds[0], sounds)], Prompt = prompt },
        2011, $"the prompt holds <*> {found}, but there are {sounds} sounds", $"write <*> {sounds} times, in the order of the sounds");

    [Fact]
    public void Placeholder_InTheNegativePrompt_IsAnError() => Refuses(
        TinyPipeline.Request with { NegativePrompt = "no <*>" },
        2013, "the negative prompt holds <*>; it is read without the sound", "leave <*> out of the negative prompt");

    [Fact]
    public void Placeholder_ThatWouldBeCutOff_IsAnError()
    {
        string message = "The prompt has 81 tokens and its placeholder '<*>' is number 81; only 75 fit, so its sound would be cut off.";
        string hint = "Move the placeholder to the front or shorten the prompt.";
        Refuses(TinyPipeline.Request with { Prompt = s_long + " <*>" }, 2301, message, hint);
        Refuses(TinyPipeline.Request with { Prompt = s_long }, 2301, message, hint); // where it would be appended
    }

    [Fact]
    public void Prompt_TooLong_IsCutWithAWarning()
    {
        (GenerationResult result, GenerationTrace trace) = Draw("<*> " + s_long);
        Assert.Equal(["the prompt has more than 75 tokens; not read: 'a a a a a a'"], result.Warnings);
        Assert.Equal(77, trace.Ids("text.input_ids").Length);
    }

    [Fact]
    public void NegativePrompt_TooLong_IsCutWithAWarning()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationResult result = pipeline.Generate(TinyPipeline.Request with { NegativePrompt = s_long }, cancellation: TinyPipeline.TestEnd);
        Assert.Equal(["the negative prompt has more than 75 tokens; not read: 'a a a a a'"], result.Warnings);
    }

    [Fact]
    public void PromptAndNegativePrompt_BothReachThePicture()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        (string, string)[] cases = [("<*>", ""), ("a <*>", ""), ("<*>", "a")];
        byte[][][] pictures = [.. cases
            .Select(texts => TinyPipeline.Bytes(pipeline.Generate(
                TinyPipeline.Request with { Prompt = texts.Item1, NegativePrompt = texts.Item2 }, cancellation: TinyPipeline.TestEnd)))];
        Assert.Equal(3, pictures.DistinctBy(picture => Convert.ToHexString(picture[0])).Count());
    }

    [Theory]
    [InlineData("a\0b \ud800 <*>")]
    [InlineData("مرحبا e\u0301\u0301 👩‍👩‍👧 <*>")]
    [InlineData("<|endoftext|> <|startoftext|> <*>")]
    public void Prompt_OfAnything_DrawsAPicture(string prompt) => Assert.Empty(Draw(prompt, strict: true).Result.Warnings);

    // The vocabulary of the small model has 1000 tokens; the placeholder is the next.
    private static long PlaceholderId(GenerationTrace trace) => trace.Ids("text.input_ids").Max();

    private (GenerationResult Result, GenerationTrace Trace) Draw(string prompt, bool strict = false)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        GenerationTrace trace = new(TraceLevel.Stage);
        GenerationRequest request = TinyPipeline.Request with { Prompt = prompt, StrictPrompt = strict, Steps = 1, Trace = trace };
        return (pipeline.Generate(request, cancellation: TinyPipeline.TestEnd), trace);
    }

    private void Refuses(GenerationRequest request, int code, string message, string hint)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        AudioTokenException exception = Assert.Throws<AudioTokenException>(() => { _ = pipeline.GenerateAsync(request, cancellation: TinyPipeline.TestEnd); });
        Assert.Equal((code, message, hint), (exception.Code, exception.Message, exception.Hint));
    }
}
