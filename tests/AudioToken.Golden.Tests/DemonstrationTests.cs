using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using Xunit;

namespace AudioToken.Golden.Tests;

/// <summary>The model and the sounds that the repository draws with are what their recipes give.</summary>
/// <remarks>With AUDIOTOKEN_REGENERATE=1 the files are written anew in the working tree instead of compared.</remarks>
public sealed class DemonstrationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-demo-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The recipe: the SD 1 like model of the goldens, in one file.
    [Fact]
    public void Bundle_IsTheTinyModelInOneFile()
    {
        string built = Path.Combine(_folder, "demo.safetensors");
        using (TinyModel tiny = new())
        using (ModelFiles files = tiny.Open())
            new BundleBuilder { Note = "untrained demonstration model" }.Build(files, built, cancellationToken: TestContext.Current.CancellationToken);
        Compare(built, "demo.safetensors");
    }

    [Theory]
    [InlineData("rain")]
    [InlineData("bell")]
    [InlineData("birdsong")]
    public void Sounds_AreWhatTheSynthesiserGives(string name)
    {
        string made = Path.Combine(_folder, name + ".wav");
        using (FileStream stream = File.Create(made))
            DemoSounds.Write(name, stream);
        Compare(made, name + ".wav");
    }

    private static void Compare(string made, string name)
    {
        Assert.SkipWhen(Repository.Root is null, "not run from a working tree");
        string shipped = Path.Combine(Repository.Root!, "src", "AudioToken.Cli", "Demo", name);
        if (Environment.GetEnvironmentVariable("AUDIOTOKEN_REGENERATE") == "1")
            File.Copy(made, shipped, overwrite: true);
        byte[] expected = File.ReadAllBytes(made), actual = File.ReadAllBytes(shipped);
        Assert.True(expected.AsSpan().SequenceEqual(actual), $"{name} differs from what its recipe gives; AUDIOTOKEN_REGENERATE=1 writes it anew.");
    }
}
