using System.Text.Json;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed class InspectTests(CliDemo demo)
{
    [Fact]
    public void Bundle_ShowsComponentsConfigsAndNote()
    {
        string text = demo.Run("inspect", demo.Model).Exits(0).Text;

        Assert.Contains("demo.safetensors: model bundle", text, StringComparison.Ordinal);
        Assert.Contains("note: untrained demonstration model", text, StringComparison.Ordinal);
        Assert.Matches(@"unet: [\d,]+ tensors, [\d,]+ parameters, F32", text);
        Assert.Contains("block_out_channels [16, 16, 32, 32]", text, StringComparison.Ordinal);
        Assert.Contains("cross_attention_dim 32", text, StringComparison.Ordinal);
        Assert.Contains("scheduler: class_name PNDMScheduler", text, StringComparison.Ordinal);
        Assert.Contains("merges.txt", text, StringComparison.Ordinal);
        Assert.Contains("provenance: {", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Bundle_AsJsonCountsWhatItHolds()
    {
        JsonElement json = demo.Run("inspect", demo.Model, "--json", "--tensors").Exits(0).Json;

        Assert.Equal("bundle", json.GetProperty("kind").GetString());
        JsonElement unet = json.GetProperty("components").GetProperty("unet");
        JsonElement[] tensors = [.. unet.GetProperty("tensors").EnumerateArray()];
        Assert.Equal(tensors.Length, unet.GetProperty("tensor_count").GetInt32());
        Assert.Equal(tensors.Sum(tensor => tensor.GetProperty("shape").EnumerateArray().Aggregate(1L, (count, extent) => count * extent.GetInt64())), unet.GetProperty("parameters").GetInt64());
        Assert.Contains(tensors, tensor => tensor.GetProperty("name").GetString() == "conv_in.weight");
        Assert.Equal(32, unet.GetProperty("config").GetProperty("cross_attention_dim").GetInt32());
    }

    [Fact]
    public void Folder_ShowsWhatIsMissing()
    {
        string text = demo.Run("inspect", Goldens.PathOf("tiny-hf")).Exits(0).Text;

        Assert.Contains("model folder", text, StringComparison.Ordinal);
        Assert.Contains("beats: not there", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Safetensors_ShowsTensorsAndMetadata()
    {
        string path = Path.Combine(demo.NewFolder(), "x.safetensors");
        SafetensorsWriter writer = new();
        writer.Add("half", [2, 3], new float[6], Tensors.DType.F16);
        writer.SetMetadata("made", "by hand\u001b[2J");
        writer.Save(path);

        string text = demo.Run("inspect", path, "--tensors").Exits(0).Text;
        Assert.Contains("1 tensor, 6 parameters, F16", text, StringComparison.Ordinal);
        Assert.Contains("half  F16 [2, 3]", text, StringComparison.Ordinal);
        Assert.Contains("made: by hand\\x1b[2J", text, StringComparison.Ordinal);
        Assert.Equal("by hand\u001b[2J", demo.Run("inspect", path, "--json").Exits(0).Json.GetProperty("metadata").GetProperty("made").GetString());
    }

    [Fact]
    public void Picture_ShowsItsSettingsWhateverItsName()
    {
        string path = Path.Combine(demo.NewFolder(), "out");
        demo.Draw("-o", path, "-p", "größe <*>").Exits(0);

        string text = demo.Run("inspect", path).Exits(0).Text;
        Assert.Contains("größe <*>", text, StringComparison.Ordinal);
        Assert.Contains("Seed: 7", text, StringComparison.Ordinal);
        JsonElement parameters = demo.Run("inspect", path, "--json").Exits(0).Json.GetProperty("parameters");
        Assert.Equal(("größe <*>", 7UL), (parameters.GetProperty("prompt").GetString(), parameters.GetProperty("seed").GetUInt64()));
    }

    [Fact]
    public void PictureOfAnotherProgram_GivesWhatItsTextSays()
    {
        string path = Path.Combine(demo.NewFolder(), "a.png");
        using (FileStream stream = File.Create(path))
        {
            AudioToken.Pipelines.Imaging.PngWriter.Write(
                stream, new AudioToken.Pipelines.Imaging.ImageBuffer(1, 1, [1, 2, 3]),
                new AudioToken.Pipelines.Imaging.PngText("parameters", "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 8x8"),
                new AudioToken.Pipelines.Imaging.PngText("audiotoken", "[not ours"));
        }

        JsonElement parameters = demo.Run("inspect", path, "--json").Exits(0).Json.GetProperty("parameters");
        Assert.Equal(("a cat", 20, 5UL), (parameters.GetProperty("prompt").GetString(), parameters.GetProperty("steps").GetInt32(), parameters.GetProperty("seed").GetUInt64()));
    }

    [Fact]
    public void PictureWithoutTexts_SaysSo()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        demo.Draw("-o", path, "--no-metadata").Exits(0);

        Assert.Contains("it holds no texts", demo.Run("inspect", path).Exits(0).Text, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, demo.Run("inspect", path, "--json").Exits(0).Json.GetProperty("parameters").ValueKind);
    }

    [Fact]
    public void DamagedPicture_IsRefused()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        demo.Draw("-o", path).Exits(0);
        byte[] png = File.ReadAllBytes(path);

        demo.Run("inspect", demo.Write("cut.png", png.AsSpan(0, png.Length / 2))).Refuses(3201, "damaged");
    }

    [Fact]
    public void Sound_IsRecognisedAndSentElsewhere() => demo.Run("inspect", demo.Sound).Refuses(3502, "bell.wav is a sound", "audiotoken generate");

    [Fact]
    public void ErrorPage_IsRecognised() => demo.Run("inspect", demo.Write("a.pt", "<?xml?><Error><Code>AuthenticationFailed</Code></Error>"u8)).Refuses(4101, "AuthenticationFailed");

    [Fact]
    public void FileThatIsNotThere_IsRefused() => demo.Run("inspect", "/no/such").Refuses(8101, "does not exist");
}
