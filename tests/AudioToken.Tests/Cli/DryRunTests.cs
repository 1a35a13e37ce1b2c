using System.Text.Json;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed class DryRunTests(CliDemo demo)
{
    [Fact]
    public void DryRun_SaysWhatWouldBeDone_AndDrawsNothing()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        string text = demo.Draw("--dry-run", "--device", "cpu", "--threads", "2", "-b", "2", "-p", "a <*>", "-o", path).Exits(0).Text;

        foreach (string line in (string[])
            [
                $"model:      demo.safetensors ({CliDemo.Note})\n", "sound:      bell.wav: ", "prompt:     a <*>\n", "pictures:   2 of 128x128, ", " of DPM++ 2M each, guidance 1, seed 7\n",
                $"writes:     {path[..^4]}-1.png, {path[..^4]}-2.png\n", "device:     cpu, 2 threads\n", "weights:    ", "MB: beats ", "tensors:    ", "live at most: sound ", "memory:     ", " MB at its peak, the program itself not counted; cpu has ",
            ])
        {
            Assert.Contains(line, text, StringComparison.Ordinal);
        }

        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void DemonstrationModel_IsDrawnAsItIsJudged_AndAnyOtherAsThePaperDoes()
    {
        string[] run = ["generate", demo.Sound, "--dry-run", "--device", "cpu", "-s", "1", "-o", Path.Combine(demo.NewFolder(), "out.png")];

        Assert.Contains(" 20 UNet calls of DPM++ 2M each, guidance 3, seed 1\n", demo.Run(run).Exits(0).Text, StringComparison.Ordinal);
        Assert.Contains(" 51 UNet calls of PLMS each, guidance 7.5, seed 1\n", demo.Run([.. run, "-m", demo.Model]).Exits(0).Text, StringComparison.Ordinal);
        Assert.Contains(" 2 UNet calls of DDIM each, guidance 1, seed 1\n", demo.Run([.. run, "--steps", "2", "--sampling-method", "ddim", "--cfg-scale", "1"]).Exits(0).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void DryRun_AsJson_AddsUp()
    {
        JsonElement json = demo.Draw("--dry-run", "--device", "cpu", "--json", "-W", "256", "-o", Path.Combine(demo.NewFolder(), "out.png")).Exits(0).Json;
        JsonElement memory = json.GetProperty("memory");
        long weights = memory.GetProperty("weights").EnumerateObject().Sum(part => part.Value.GetInt64()), tensors = memory.GetProperty("tensor_bytes").GetInt64();

        Assert.True(json.GetProperty("dry_run").GetBoolean());
        Assert.Equal((256, 128, 7UL, "cpu"), (json.GetProperty("width").GetInt32(), json.GetProperty("height").GetInt32(), json.GetProperty("seed").GetUInt64(), json.GetProperty("device").GetString()));
        Assert.Equal(weights, memory.GetProperty("weight_bytes").GetInt64());
        Assert.Equal(weights + tensors, memory.GetProperty("peak_bytes").GetInt64());
        Assert.InRange(memory.GetProperty("device_bytes").GetInt64(), weights + tensors, long.MaxValue);
        Assert.Equal(["sound", "text", "denoising", "decoding"], memory.GetProperty("live_tensors").EnumerateObject().Select(stage => stage.Name));
        Assert.All(memory.GetProperty("live_tensors").EnumerateObject(), stage => Assert.InRange(stage.Value.GetInt64(), 1, tensors));
    }

    [Theory]
    [InlineData("--tiled-vae")]
    [InlineData("--vae-tiling")]
    public void DryRun_ShowsWhatATiledDecodeSaves(string option)
    {
        long Decoding(params string[] options) => demo.Draw(["--dry-run", "--device", "cpu", "--json", "-W", "512", "-H", "512", "-o", Path.Combine(demo.NewFolder(), "out.png"), .. options])
            .Exits(0).Json.GetProperty("memory").GetProperty("live_tensors").GetProperty("decoding").GetInt64();
        Assert.InRange(Decoding(option), 1, Decoding() * 3 / 4);
    }

    [Fact]
    public void DryRun_RefusesWhatGenerateWould()
    {
        string taken = demo.Write("out.png", [1]);
        demo.Draw("--dry-run", "-o", taken).Refuses(8501, ["is not replaced"]);
        demo.Draw("--dry-run", "-o", "-", "--json").Refuses(2501, ["-o - and --json"]);
        demo.Draw("--dry-run", "--device", "tpu").Refuses(2501, ["--device is 'tpu'"]);
        demo.Draw("--dry-run", "-o", Path.Combine(demo.NewFolder(), "out.png"), "-m", demo.Write("model.safetensors", [1, 2, 3])).Exits(4);
        demo.Draw("--dry-run", "-o", Path.Combine(demo.NewFolder(), "out.png"), "-p", "a forest", "--strict").Refuses(2012, ["has no <*>"]);
    }
}
