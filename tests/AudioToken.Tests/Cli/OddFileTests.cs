using System.Diagnostics;
using System.Security.Cryptography;
using AudioToken.Pipelines.Imaging;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>Names and kinds of files that systems other than the author's produce (RELIABILITY case 35).</summary>
[Collection(CliTests.Name)]
public sealed class OddFileTests(CliDemo demo)
{
    [Theory]
    [InlineData("rain 🌧 größe.wav")]
    [InlineData("two\nlines.wav")]
    [InlineData("'quoted' $HOME.wav")]
    [InlineData("@list.wav")]
    public void OddName_IsReadAndNamesThePicture(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "such names cannot be made");
        string sound = demo.Write(name, File.ReadAllBytes(demo.Sound));
        demo.Run("generate", sound, "--steps", "1", "--cfg-scale", "1", "-s", "7", "-o", Path.GetDirectoryName(sound)!).Exits(0);

        string picture = Path.ChangeExtension(sound, ".png");
        Assert.Equal(name, demo.Run("inspect", picture, "--json").Exits(0).Json.GetProperty("parameters").GetProperty("audio").GetString());
    }

    [Fact]
    public void LinkedSound_IsHashedByItsContent()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links want a privilege");
        string folder = demo.NewFolder(), link = Path.Combine(folder, "link.wav");
        File.CreateSymbolicLink(link, demo.Sound);
        demo.Run("generate", link, "--steps", "1", "--cfg-scale", "1", "-s", "7", "-o", folder).Exits(0);

        PngText text = PngReader.ReadTexts(Path.Combine(folder, "link.png")).Single(text => text.Keyword == "parameters");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(demo.Sound))), ParametersText.Parse(text.Text).AudioHash);
    }

    [Fact]
    public void LinkToItself_IsRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links want a privilege");
        string link = Path.Combine(demo.NewFolder(), "loop.wav");
        File.CreateSymbolicLink(link, link);

        demo.Run("generate", link).Refuses(3002, "loop.wav", "symbolic link");
        demo.Run("inspect", link).Refuses(8101, "loop.wav");
        demo.Draw("-o", "-", "-m", link).Refuses(8101, "loop.wav");
    }

    [Fact]
    public void EndlessDevice_IsRefused()
    {
        Assert.SkipUnless(File.Exists("/dev/zero"), "wants /dev/zero");
        demo.Run("generate", "/dev/zero").Refuses(3003, "no sound format");
        demo.Run("generate", "/dev/zero", "--raw", "s16le", "--window", "whole", "--max-input", "1000000").Refuses(3012, "1,000,000 bytes");
    }

    [Fact]
    public void PipeWithoutWriter_IsNeverWaitedForWhereAModelIsWanted()
    {
        string pipe = Path.Combine(demo.NewFolder(), "pipe");
        Assert.SkipWhen(OperatingSystem.IsWindows(), "named pipes are no files there");
        using (Process make = Process.Start("mkfifo", [pipe]))
            make.WaitForExit();

        demo.Draw("-o", "-", "-m", pipe).Refuses(4101, "0 bytes");
        demo.Run("inspect", pipe).Refuses(4101, "0 bytes");
        demo.Run("generate", "--token", pipe).Refuses(4101, "0 bytes");
        demo.Draw("-o", "-", "--latents", pipe).Refuses(4101, "0 bytes");
    }
}
