using AudioToken.Pipelines.Imaging;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed class WorldTests(CliDemo demo)
{
    [Fact]
    public void Out_WritesAFolderAndGoesOnWithIt()
    {
        string folder = Path.Combine(demo.NewFolder(), "world");
        string[] args = ["world", "--out", folder, "--kinds", "dog,sea", "--count", "2", "--seed", "7", "--size", "32", "--seconds", "0.5"];
        Assert.Contains("(4 samples of 2 kinds, Training)", demo.Run(args).Exits(0).Error, StringComparison.Ordinal);
        // Indices 7 and 8 of the training seeds: the first of the second ten, and the next.
        Assert.Equal(["dog-0000000010.png", "dog-0000000010.wav", "dog-0000000011.png", "dog-0000000011.wav", "manifest.jsonl", "sea-0000000010.png", "sea-0000000010.wav", "sea-0000000011.png", "sea-0000000011.wav", "world.json"],
            Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        demo.Run(args).Exits(0);
        demo.Run([.. args, "--split", "held-out"]).Refuses(8601, "holds a world of other settings", "try:   another folder");
    }

    [Fact]
    public void Sheet_IsARowAKind()
    {
        string sheet = Path.Combine(demo.NewFolder(), "sheet.png");
        demo.Run("world", "--sheet", sheet, "--kinds", "dog,bell,sea", "--count", "2", "--size", "32", "--seconds", "1").Exits(0);
        ImageBuffer image = PngReader.Read(sheet);
        Assert.Equal((2 * 34 + 2, 3 * 50 + 2), (image.Width, image.Height));
    }

    [Fact]
    public void Check_TellsHowManyAreNamed()
    {
        CliRun run = demo.Run("world", "--check", "--kinds", "bell,sea", "--count", "4", "--learn", "12", "--seconds", "1", "--json").Exits(0);
        Assert.Equal((2, 8), (run.Json.GetProperty("kinds").GetInt32(), run.Json.GetProperty("samples").GetInt32()));
        Assert.Equal(1, run.Json.GetProperty("scenes").GetDouble());
    }

    [Fact]
    public void Json_IsOneObjectWhateverIsAskedFor()
    {
        string folder = demo.NewFolder(), world = Path.Combine(folder, "world"), sheet = Path.Combine(folder, "sheet.png");
        CliRun run = demo.Run("world", "--out", world, "--sheet", sheet, "--kinds", "dog,sea", "--count", "1", "--size", "32", "--seconds", "1", "--json").Exits(0);
        Assert.Equal([world, sheet], run.Json.GetProperty("outputs").EnumerateArray().Select(output => output.GetProperty("path").GetString()));
    }

    [Fact]
    public void FullDisk_IsSaidOnce()
    {
        using SmallFileSystem? disk = SmallFileSystem.Mount(demo.NewFolder(), 16384);
        Assert.SkipWhen(disk is null, "this user may not mount a small file system");
        CliRun run = demo.Run("world", "--out", Path.Combine(disk!.Folder, "world"), "--count", "2").Refuses(8102, "the disk is full");
        Assert.Equal(1, run.Error.Split("error AT").Length - 1);
    }

    [Fact]
    public void NothingAskedFor_IsRefused() => demo.Run("world").Refuses(2501, "nothing is asked for", "audiotoken world --sheet");

    [Fact]
    public void UnknownKind_IsRefused() => demo.Run("world", "--check", "--kinds", "dog,cat").Refuses(2501, "--kinds: there is no kind 'cat'; there are rain, ");

    [Fact]
    public void OneKind_CannotBeToldApart() => demo.Run("world", "--check", "--kinds", "dog").Refuses(2501, "--check is given 1 kind, wanted at least 2");

    [Theory]
    [InlineData("--size", "8", "from 16 to 2048")]
    [InlineData("--count", "0", "from 1 to")]
    [InlineData("--seconds", "nan", "from 0.1 to 600")]
    [InlineData("--split", "test", "wanted one of training, judging, validation, held-out")]
    public void NumbersOutOfRange_AreRefused(string option, string value, string words)
    {
        CliRun run = demo.Run("world", "--sheet", "x.png", option, value);
        run.Refuses(option == "--split" ? 2501 : 2502, words);
    }
}
