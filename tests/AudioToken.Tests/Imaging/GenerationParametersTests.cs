using System.Text.Json;
using AudioToken.Pipelines.Imaging;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.Imaging;

public sealed class GenerationParametersTests
{
    // Any text without lone surrogates or slashes, rich in what the format's own syntax uses.
    private static readonly Gen<string> s_text = Gen.OneOf(
        Gen.OneOfConst(",", ":", "\"", "\\", "\n", " ", "\r", "\t", "Steps: 1", ", Seed: 3", "Size: 1x1", "é", "猫", "\uD83D\uDE00", "\\u0041"),
        Gen.Char.Where(c => !char.IsSurrogate(c) && c is not '/').Select(c => c.ToString())).Array[0, 12].Select(string.Concat);

    private static readonly Gen<string?> s_name = Gen.OneOf(s_text.Select(text => (string?)text.Replace('\\', '_')), Gen.Const((string?)null));

    private static readonly Gen<GenerationParameters> s_parameters = Gen.Select(
        Gen.Select(s_text, s_text, s_name), Gen.Select(Gen.Int, Gen.Double[-100, 100], Gen.ULong), Gen.Select(Gen.Int, Gen.Int), Gen.Select(s_name, s_name, s_name), Gen.Select(s_name, s_name),
        (texts, numbers, size, names, more) => new GenerationParameters
        {
            Prompt = texts.Item1, NegativePrompt = texts.Item2, Sampler = texts.Item3,
            Steps = numbers.Item1, CfgScale = numbers.Item2, Seed = numbers.Item3, Width = size.Item1, Height = size.Item2,
            Model = names.Item1, Audio = names.Item2, Version = names.Item3, Rng = more.Item1, AudioHash = more.Item2, ModelHash = "0123456789", AudioWeight = "0.1, 1",
        });

    [Fact]
    public void ParametersText_ReadsBackWhatItWrites() =>
        s_parameters.Sample(parameters => Assert.Equal(parameters, ParametersText.Parse(ParametersText.Write(parameters))), iter: 3000, threads: 1);

    [Fact]
    public void ParametersText_IsWrittenAsOthersReadIt()
    {
        GenerationParameters parameters = new()
        {
            Prompt = "a photo of <*>, 4k", NegativePrompt = "blurry", Steps = 20, Sampler = SamplerTitle.Of("pndm"), CfgScale = 7.5, Seed = ulong.MaxValue, Width = 512, Height = 768,
            ModelHash = "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa", Model = "runwayml/stable-diffusion-v1-5", Version = "AudioToken.Native 0.1.0",
            Audio = "/home/someone/dog, barking.wav", AudioHash = "cafe", Rng = "CPU",
        };
        Assert.Equal(
            """
            a photo of <*>, 4k
            Negative prompt: blurry
            Steps: 20, Sampler: PLMS, CFG scale: 7.5, Seed: 18446744073709551615, Size: 512x768, Model hash: 6ce0161689, Model: stable-diffusion-v1-5, Audio: "dog, barking.wav", Audio hash: cafe, RNG: CPU, Version: AudioToken.Native 0.1.0
            """.ReplaceLineEndings("\n"), ParametersText.Write(parameters));
    }

    [Fact]
    public void ForeignText_IsReadAsFarAsItIsKnown()
    {
        GenerationParameters parameters = ParametersText.Parse(
            "a cat\nin two lines\nNegative prompt: dog,\nbird\nSteps: 30, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: -1, Size: 512x512, Hires upscale: 2, Lora hashes: \"a: b, Seed: 9\", Version: v1.6.0");
        Assert.Equal(new GenerationParameters
        {
            Prompt = "a cat\nin two lines", NegativePrompt = "dog,\nbird", Steps = 30, Sampler = "DPM++ 2M Karras", CfgScale = 7, Width = 512, Height = 512, Version = "v1.6.0",
        }, parameters);
        Assert.Equal(new GenerationParameters { Prompt = "no settings at all" }, ParametersText.Parse("no settings at all"));
        Assert.Equal(new GenerationParameters(), ParametersText.Parse(""));
    }

    [Fact]
    public void HostileText_IsReadInLinearTime()
    {
        Assert.Equal(1, ParametersText.Parse("Steps: 1, " + new string('a', 1_000_000)).Steps);
        Assert.Equal(1, ParametersText.Parse("Steps: 1, a: \"" + string.Concat(Enumerable.Repeat("\\\"", 500_000))).Steps);
    }

    [Fact]
    public void Json_HasEveryField_AndNeverAPath()
    {
        GenerationParameters parameters = new()
        {
            Prompt = "a \"cat\"\0", Steps = 5, CfgScale = double.NaN, Seed = ulong.MaxValue, Model = @"C:\Users\someone\models\bundle.safetensors", Audio = "/home/someone/dog.wav", Rng = "CPU",
        };
        foreach (PngText text in parameters.ToPngTexts())
            Assert.DoesNotContain("someone", text.Text, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(parameters.ToJson());
        JsonElement root = json.RootElement;
        Assert.Equal("a \"cat\"\0", root.GetProperty("prompt").GetString());
        Assert.Equal(ulong.MaxValue, root.GetProperty("seed").GetUInt64());
        Assert.Equal("bundle.safetensors", root.GetProperty("model").GetString());
        Assert.Equal("dog.wav", root.GetProperty("audio").GetString());
        Assert.False(root.TryGetProperty("cfg_scale", out _));
    }

    [Fact]
    public void Texts_SurviveThePngFile() => s_parameters.Where(each => !(each.Prompt + each.NegativePrompt).Contains('\0')).Sample(parameters =>
    {
        using MemoryStream stream = new();
        PngWriter.Write(stream, new ImageBuffer(1, 1, [1, 2, 3]), parameters.ToPngTexts());
        PngText text = PngReader.ReadTexts(stream.ToArray())[0];
        Assert.Equal((GenerationParameters.ParametersKeyword, parameters), (text.Keyword, ParametersText.Parse(text.Text)));
    }, iter: 300, threads: 1);

    [Theory]
    [InlineData("dpm++2m", true, "DPM++ 2M Karras")]
    [InlineData("euler_a", false, "Euler a")]
    [InlineData("lcm", false, "LCM")]
    [InlineData("pndm", false, "PLMS")]
    public void SamplerTitles_AreThoseOfOtherPrograms(string name, bool karras, string title)
    {
        Assert.Equal(title, SamplerTitle.Of(name, karras));
        Assert.Equal((name, karras), SamplerTitle.Parse(title));
    }

    [Fact]
    public void ForeignSamplerTitle_StaysAsItIs() => Assert.Equal(("UniPC Karras", false), SamplerTitle.Parse("UniPC Karras"));
}
