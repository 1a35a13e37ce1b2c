using System.Text.Json;
using AudioToken.Pipelines.Imaging;
using AudioToken.Tensors;
using AudioToken.Tests.Weights;
using AudioToken.World;
using Xunit;

namespace AudioToken.Tests.World;

public sealed class WorldFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Folder_HoldsPairsAndAManifest()
    {
        WorldFolder world = World("w");
        world.Write(cancellation: TestContext.Current.CancellationToken);
        string[] names = [.. Directory.EnumerateFiles(world.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];
        Assert.Equal(2 + 2 * 4, names.Length);
        Assert.Equal("bell-0000000009.png", names[0]);

        string[] lines = File.ReadAllLines(Path.Combine(world.Path, "manifest.jsonl"));
        Assert.Equal(4, lines.Length);
        foreach (string line in lines)
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement root = json.RootElement;
            WorldSample sample = new(WorldKinds.Find(root.GetProperty("kind").GetString()!), root.GetProperty("seed").GetUInt64());
            Assert.Equal(WorldSplit.HeldOut, WorldSeeds.SplitOf(sample.Seed));
            Assert.Equal(sample.Kind, WorldKinds.All[root.GetProperty("label").GetInt32()]);
            Assert.Equal((sample.Caption, Caption.Full(sample.Scene)), (root.GetProperty("caption").GetString(), root.GetProperty("full_caption").GetString()));
            Assert.StartsWith("<*> ", root.GetProperty("template").GetString(), StringComparison.Ordinal);
            Assert.Equal(44 + 2 * 8000, new FileInfo(Path.Combine(world.Path, root.GetProperty("audio").GetString()!)).Length);
            ImageBuffer picture = PngReader.Read(Path.Combine(world.Path, root.GetProperty("image").GetString()!));
            Assert.True(sample.Picture(32).Rgb.SequenceEqual(picture.Rgb));
        }
    }

    [Fact]
    public void CutOffRun_GoesOnToTheSameBytes()
    {
        WorldFolder whole = World("whole"), cut = World("cut");
        whole.Write(cancellation: TestContext.Current.CancellationToken);
        using CancellationTokenSource source = new();
        Assert.Throws<OperationCanceledException>(() => cut.Write(new Until(1, source), source.Token));
        Assert.False(File.Exists(Path.Combine(cut.Path, "manifest.jsonl")));
        string kept = Directory.EnumerateFiles(cut.Path, "*.wav").First();
        DateTime made = File.GetLastWriteTimeUtc(kept);
        cut.Write(cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(made, File.GetLastWriteTimeUtc(kept));
        Assert.All(Directory.EnumerateFiles(whole.Path), file => Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(cut.Path, Path.GetFileName(file)))));
    }

    [Fact]
    public void OtherSettings_AreRefusedAndNothingIsTouched()
    {
        World("w").Write(cancellation: TestContext.Current.CancellationToken);
        AudioTokenException refusal = Assert.Throws<AudioTokenException>(() => World("w", size: 64).Write(cancellation: TestContext.Current.CancellationToken));
        Assert.Equal(WorldFolder.OtherSettings, refusal.Code);
        Assert.Contains("holds a world of other settings: found {", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("\"size\":64", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(32, PngReader.Read(Path.Combine(_folder.Path, "w", "bell-0000000009.png")).Width);
    }

    [Fact]
    public void FolderThatCannotBe_IsNamed()
    {
        _folder.Write("file", "x"u8);
        AudioTokenException refusal = Assert.Throws<AudioTokenException>(() => World("file/w").Write(cancellation: TestContext.Current.CancellationToken));
        Assert.Equal(8102, refusal.Code);
        Assert.StartsWith($"Cannot write '{Path.Combine(_folder.Path, "file", "w")}'", refusal.Message, StringComparison.Ordinal);
    }

    private WorldFolder World(string name, int size = 32) => new()
    {
        Path = Path.Combine(_folder.Path, name),
        Kinds = [WorldKinds.Find("bell"), WorldKinds.Find("sea")],
        Count = 2,
        Split = WorldSplit.HeldOut,
        Size = size,
        Seconds = 0.5,
    };

    private sealed class Until(int done, CancellationTokenSource source) : IProgress<(int Done, int Of)>
    {
        public void Report((int Done, int Of) value)
        {
            if (value.Done >= done)
                source.Cancel();
        }
    }
}
