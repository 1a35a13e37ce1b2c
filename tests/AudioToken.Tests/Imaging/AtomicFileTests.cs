using AudioToken.Pipelines.Imaging;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Imaging;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Save_ReplacesTheOldFile_AndLeavesNothingElse()
    {
        string path = Path.Combine(_folder, "out.png");
        File.WriteAllText(path, "old");
        PngWriter.Save(path, new ImageBuffer(1, 1, [1, 2, 3]), new PngText("parameters", "x"));
        Assert.Equal([1, 2, 3], PngReader.Read(path).Rgb.ToArray());
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Theory]
    [InlineData(28, "out.png cannot be written: the disk is full.")]
    [InlineData(5, "out.png cannot be written: the cable is out.")]
    public void FailureWhileWriting_KeepsTheOldFile(int error, string message)
    {
        string path = Path.Combine(_folder, "out.png");
        File.WriteAllText(path, "old");
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half of a pic"u8);
            stream.Flush();
            throw new IOException("The cable is out.".Replace("The", "the", StringComparison.Ordinal), error);
        }));
        Assert.Equal((8101, message), (e.Code, e.Message));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void FailureInTheCallersCode_KeepsTheOldFile_AndComesThroughAsItIs()
    {
        string path = Path.Combine(_folder, "out.png");
        File.WriteAllText(path, "old");
        Assert.Throws<OperationCanceledException>(() => AtomicFile.Write(path, _ => throw new OperationCanceledException()));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Theory]
    [InlineData("", " cannot be written: a folder has that name.")]
    [InlineData("missing/out.png", "out.png cannot be written: its folder does not exist.")]
    public void ImpossibleTargets_AreNamedWithoutTheirFolder(string name, string message)
    {
        string path = Path.Combine(_folder, name);
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => PngWriter.Save(path, new ImageBuffer(1, 1, [1, 2, 3])));
        Assert.Equal(8101, e.Code);
        Assert.EndsWith(message, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder + "/", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void FolderInTheWay_StaysAndIsNamed()
    {
        string path = Path.Combine(_folder, "out.png");
        Directory.CreateDirectory(path);
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => PngWriter.Save(path, new ImageBuffer(1, 1, [1, 2, 3])));
        Assert.Equal(("out.png cannot be written: a folder has that name.", "Name a file inside it."), (e.Message, e.Hint));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void MissingFile_IsNamedWhenRead() =>
        Assert.Equal("none.png cannot be read: there is no such file.", Assert.Throws<AudioTokenException>(() => PngReader.ReadTexts(Path.Combine(_folder, "none.png"))).Message);
}
