using AudioToken.Pipelines.Imaging;
using AudioToken.Tensors;
using AudioToken.Weights;
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
    [InlineData(28, "the disk is full")]
    [InlineData(5, "the cable is out")]
    public void FailureWhileWriting_KeepsTheOldFile(int error, string reason)
    {
        string path = Path.Combine(_folder, "out.png");
        File.WriteAllText(path, "old");
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half of a pic"u8);
            stream.Flush();
            throw new IOException("the cable is out.", error);
        }));
        Assert.Equal((8102, $"Cannot write '{path}': {reason}.", "What was there before is untouched."), (e.Code, e.Message, e.Hint));
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

    [Fact]
    public void OfManyCreators_OneCreates_AndNothingElseIsLeft()
    {
        string path = Path.Combine(_folder, "out.png");
        bool[] created = new bool[4];
        using Barrier together = new(created.Length);
        Thread[] writers = [.. Enumerable.Range(0, created.Length).Select(writer => new Thread(() => created[writer] = AtomicFile.TryCreate(path, stream =>
        {
            stream.WriteByte((byte)writer);
            together.SignalAndWait();
        })))];
        Array.ForEach(writers, writer => writer.Start());
        Array.ForEach(writers, writer => writer.Join());
        Assert.Single(created, each => each);
        Assert.Equal([(byte)Array.IndexOf(created, true)], File.ReadAllBytes(path));
        Assert.False(AtomicFile.TryCreate(path, stream => stream.WriteByte(9)));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    // The temporary file's name is longer than the target's: of a target with the longest name it takes a part.
    [Theory, InlineData("x"), InlineData("\u00e9"), InlineData("\U0001F600")]
    public void LongestName_IsWritten(string letter)
    {
        int bytes = System.Text.Encoding.UTF8.GetByteCount(letter);
        string path = Path.Combine(_folder, string.Concat(Enumerable.Repeat(letter, 255 / bytes)));
        AtomicFile.Write(path, stream => stream.Write("whole"u8));
        Assert.Equal("whole", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void FolderInTheWay_StaysAndIsNamed()
    {
        string path = Path.Combine(_folder, "out.png");
        Directory.CreateDirectory(path);
        AudioTokenException e = Assert.Throws<AudioTokenException>(() => PngWriter.Save(path, new ImageBuffer(1, 1, [1, 2, 3])));
        Assert.Equal($"Cannot write '{path}': it is a folder.", e.Message);
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void MissingFile_IsNamedWhenRead() =>
        Assert.Equal("none.png cannot be read: there is no such file.", Assert.Throws<AudioTokenException>(() => PngReader.ReadTexts(Path.Combine(_folder, "none.png"))).Message);
}
