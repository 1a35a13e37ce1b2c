using System.Text.Json;
using AudioToken.Audio;
using AudioToken.Pipelines.Imaging;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed class BlendTests(CliDemo demo)
{
    [Fact]
    public void Blend_LeadsFromOneSoundsPictureToTheOthers()
    {
        string folder = demo.NewFolder(), other = Other();
        CliRun run = Blend(demo.Sound, other, "--frames", "3", "--json", "-o", Path.Combine(folder, "way.png")).Exits(0);
        demo.Draw("-o", Path.Combine(folder, "from.png")).Exits(0);
        demo.Run("generate", other, "--steps", "1", "--cfg-scale", "1", "--seed", "7", "-o", Path.Combine(folder, "to.png")).Exits(0);

        byte[] Pixels(string name) => PngReader.Read(Path.Combine(folder, name)).Rgb.ToArray();
        Assert.Equal(Pixels("from.png"), Pixels("way-1.png"));
        Assert.Equal(Pixels("to.png"), Pixels("way-3.png"));
        Assert.NotEqual(Pixels("way-1.png"), Pixels("way-2.png"));
        Assert.NotEqual(Pixels("way-3.png"), Pixels("way-2.png"));
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "from.png")), File.ReadAllBytes(Path.Combine(folder, "way-1.png")));
        Assert.Equal("bell.wav 0.5, other.wav 0.5", ParametersText.Parse(PngReader.ReadTexts(Path.Combine(folder, "way-2.png"))[0].Text).Audio);
        using JsonDocument json = JsonDocument.Parse(run.Text);
        Assert.Equal((3, 2), (json.RootElement.GetProperty("outputs").GetArrayLength(), json.RootElement.GetProperty("sounds").GetArrayLength()));
    }

    [Fact]
    public void Tokens_BlendLikeTheirSounds()
    {
        string folder = demo.NewFolder(), other = Other(), first = Path.Combine(folder, "a.safetensors"), second = Path.Combine(folder, "b.safetensors");
        demo.Run("encode", demo.Sound, "-o", first).Exits(0);
        demo.Run("encode", other, "-o", second).Exits(0);
        Blend(demo.Sound, other, "--frames", "3", "-o", Path.Combine(folder, "sounds.png")).Exits(0);
        Blend("--token", first, "--token", second, "--frames", "3", "-o", Path.Combine(folder, "tokens.png")).Exits(0);

        Assert.Equal(PngReader.Read(Path.Combine(folder, "sounds-2.png")).Rgb, PngReader.Read(Path.Combine(folder, "tokens-2.png")).Rgb);
    }

    [Fact]
    public void OneSound_IsRefused() => Blend(demo.Sound).Refuses(2501, "one sound is given", "try:   audiotoken blend rain.wav bell.wav");

    [Fact]
    public void SeveralPicturesAFrame_AreRefused() => Blend(demo.Sound, demo.Sound, "-b", "2").Refuses(2501, "-b is 2", "--frames N");

    [Fact]
    public void OneFrame_IsRefused() => Blend(demo.Sound, demo.Sound, "--frames", "1").Refuses(2502, "--frames is '1', wanted a whole number from 2 to 1000");

    [Fact]
    public void StandardOutput_IsRefused() => Blend(demo.Sound, demo.Sound, "--frames", "3", "-o", "-").Refuses(2501, "-o - writes one picture, but 3 are asked for");

    [Fact]
    public void TokensOfTwoModels_AreRefused()
    {
        string folder = demo.NewFolder();
        string Token(int width)
        {
            SafetensorsWriter writer = new();
            writer.Add("audio_token", [1, width], new float[width]);
            string path = Path.Combine(folder, $"{width}.safetensors");
            writer.Save(path);
            return path;
        }

        Blend("--token", Token(32), "--token", Token(48), "-o", folder + "/").Refuses(3046, "the audio tokens have 32 and 48 values", "encode both sounds with the same model");
    }

    private CliRun Blend(params IReadOnlyList<string> args) => demo.Run(["blend", "--steps", "1", "--cfg-scale", "1", "--seed", "7", .. args]);

    // A chirp, 16 kHz.
    private string Other()
    {
        using MemoryStream wav = new();
        WavWriter.Write(wav, [.. Enumerable.Range(0, 16000).Select(i => 0.5f * MathF.Sin(i * (0.02f + i * 1e-5f)))], channels: 1, sampleRateHz: 16000);
        return demo.Write("other.wav", wav.ToArray());
    }
}
