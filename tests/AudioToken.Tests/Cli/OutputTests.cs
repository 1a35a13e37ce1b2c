using System.Security.Cryptography;
using System.Text.Json;
using AudioToken.Pipelines.Imaging;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>Where pictures go, and that nothing is lost on the way (RELIABILITY case 59).</summary>
[Collection(CliTests.Name)]
public sealed class OutputTests(CliDemo demo)
{
    [Fact]
    public void GivenFileThatExists_IsRefusedBeforeTheRunAndKept()
    {
        string path = demo.Write("out.png", [1, 2, 3]);
        demo.Draw("-o", path).Refuses(8501, $"'{path}' exists already and is not replaced", "--force");

        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
    }

    [Fact]
    public void Force_ReplacesIt()
    {
        string path = demo.Write("out.png", [1, 2, 3]);
        demo.Draw("-o", path, "--force").Exits(0);

        Assert.Equal((128, 128), (PngReader.Read(path).Width, PngReader.Read(path).Height));
    }

    [Fact]
    public void PictureAndTraceOfOneName_AreRefused()
    {
        string folder = demo.NewFolder(), path = Path.Combine(folder, "out.png");
        demo.Draw("-o", path, "--trace", Path.Combine(folder, ".", "out.png"), "--force").Refuses(2501, $"'{path}' is named for a picture and for its trace", "another name with --trace");
        demo.Draw("-o", path, "-b", "2", "--trace", Path.Combine(folder, "out-2.png")).Refuses(2501, "out-2.png' is named for a picture and for its trace");

        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void OneFileOfABatchThatExists_RefusesTheBatch()
    {
        string path = demo.Write("out-2.png", [1]);
        demo.Draw("-o", Path.Combine(Path.GetDirectoryName(path)!, "out.png"), "-b", "2").Refuses(8501, "out-2.png");

        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void Folder_TakesTheSoundsNameAndNumbersIt()
    {
        string folder = demo.NewFolder();
        for (int i = 0; i < 3; i++)
            demo.Draw("-o", folder).Exits(0);
        demo.Draw("-o", folder + "/", "-b", "2").Exits(0);
        demo.Draw("-o", folder + "/", "-b", "2").Exits(0);

        Assert.Equal(
            ["bell-001-1.png", "bell-001-2.png", "bell-001.png", "bell-002.png", "bell-1.png", "bell-2.png", "bell.png"],
            Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void TenPictures_AreNumberedSoThatTheySort()
    {
        string folder = demo.NewFolder();
        demo.Draw("-o", Path.Combine(folder, "out"), "-b", "10").Exits(0);

        Assert.Equal(Enumerable.Range(1, 10).Select(i => $"out-{i:00}"), Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void FolderThatIsNotThere_IsRefusedBeforeTheRun() =>
        demo.Run("generate", demo.Sound, "-o", Path.Combine(demo.Folder, "no", "out.png")).Refuses(8502, "there is no folder", "mkdir -p");

    [Fact]
    public void FolderThatTakesNoFiles_IsRefusedBeforeTheRun()
    {
        Assert.SkipUnless(Directory.Exists("/proc/self"), "wants a folder in which nobody can make files");
        demo.Run("generate", demo.Sound, "-o", "/proc/self/out.png").Refuses(8502, "'/proc/self/out.png' cannot be written: the folder '/proc/self' takes no files");
    }

    [Fact]
    public void Device_IsNotReplacedByAPicture()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "devices are files elsewhere");
        demo.Run("generate", demo.Sound, "-o", "/dev/null", "--force").Refuses(8502, "is a device", "-o -");
    }

    [Theory]
    [InlineData("encode")]
    [InlineData("export-token")]
    [InlineData("sheet")]
    public void StandardOutput_IsNoFileCalledMinus(string command) =>
        demo.Run(command, demo.Sound, "-o", "-").Refuses(2501, "'-' is standard output, wanted a file");

    // Names of as many bytes as there can be, and one more: the first are written, the other is refused before the run.
    [Theory, InlineData('x', 251), InlineData('\u00e9', 125)]
    public void LongestName_IsWritten(char letter, int count)
    {
        string folder = demo.NewFolder(), longest = Path.Combine(folder, new string(letter, count) + ".png");
        demo.Draw("-o", longest).Exits(0);
        Assert.Equal([longest], Directory.GetFiles(folder));
        demo.Run("generate", demo.Sound, "-o", Path.Combine(folder, new string('x', 252) + ".png")).Refuses(8502, "is no file name: it has 256 bytes, at most 255 can be");
    }

    [Theory, InlineData("out.jpg"), InlineData("out.WEBP")]
    public void NameOfAnotherFormat_IsRefused(string name) =>
        demo.Run("generate", demo.Sound, "-o", Path.Combine(demo.NewFolder(), name)).Refuses(2501, "promises another format", ".png");

    [Fact]
    public void EmptyName_IsRefused() => demo.Run("generate", demo.Sound, "-o", "").Refuses(2501, "empty");

    [Fact]
    public void TraceThatExists_IsRefusedToo()
    {
        string trace = demo.Write("trace.safetensors", [1]);
        demo.Draw("-o", Path.Combine(demo.NewFolder(), "out.png"), "--trace", trace).Refuses(8501, trace);
    }

    [Fact]
    public void FileThatAppearsMeanwhile_IsKept()
    {
        string path = Path.Combine(demo.NewFolder(), "out.png");
        using LineWatcher error = new("model:", () => File.WriteAllBytes(path, [7]));
        CliRun run = demo.Run(new CliInput { Error = error }, "generate", demo.Sound, "--steps", "1", "--cfg-scale", "1", "-s", "7", "-o", path).Exits(0);

        Assert.Equal([7], File.ReadAllBytes(path));
        Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(path)!, "out-001.png")));
        Assert.Contains("appeared meanwhile and is kept", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void PictureThatCannotBeWritten_IsReportedWithSeedAndHash()
    {
        string folder = demo.NewFolder(), other = Path.Combine(demo.NewFolder(), "out.png");
        using LineWatcher error = new("model:", () => Directory.Delete(folder));
        CliRun run = demo.Run(
            new CliInput { Error = error }, "generate", demo.Sound, "--steps", "1", "--cfg-scale", "1", "-s", "7", "-o", Path.Combine(folder, "out.png"), "--json").Refuses(8102, "Cannot write");
        demo.Draw("-o", other).Exits(0);

        JsonElement output = Assert.Single(run.Json.GetProperty("outputs").EnumerateArray().ToArray());
        Assert.Equal(JsonValueKind.Null, output.GetProperty("path").ValueKind);
        Assert.Equal(7UL, output.GetProperty("seed").GetUInt64());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(PngReader.Read(other).Rgb)), output.GetProperty("pixels_sha256").GetString());
        Assert.Equal("AT8102", run.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Contains("--seed 7 draws it again", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void FailedRun_LeavesNothingBehind()
    {
        string folder = demo.NewFolder();
        demo.Draw("-o", Path.Combine(folder, "out.png"), "-n", "<*>").Refuses(2013);

        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }
}
