using System.Text.Json;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using Xunit;

namespace AudioToken.Tests.Weights;

public sealed class BundleBuilderTests : IDisposable
{
    private readonly TinyModel _tiny = new();
    private readonly TemporaryFolder _out = new();

    public void Dispose()
    {
        _tiny.Dispose();
        _out.Dispose();
    }

    [Fact]
    public void Bundle_HoldsEverythingTheFolderHolds()
    {
        string path = Build(new BundleBuilder { Note = "untrained demonstration model" });
        using DiffusersFolder folder = _tiny.Open();
        using ModelFiles bundle = ModelFiles.Open(path);
        Assert.IsType<ModelBundle>(bundle);
        Assert.Equal("untrained demonstration model", bundle.Note);
        foreach (ModelComponent component in Enum.GetValues<ModelComponent>())
        {
            using TensorCollection expected = folder.Open(component), found = bundle.Open(component);
            Assert.Equal(expected.Names.Order(StringComparer.Ordinal), found.Names.Order(StringComparer.Ordinal));
            foreach (string name in expected.Names)
            {
                WeightSource left = expected.Find(name)!, right = found.Find(name)!;
                Assert.Equal((name, left.Shape, left.DType), (right.Name, right.Shape, right.DType));
                Assert.True(left.ReadAll().AsSpan().SequenceEqual(right.ReadAll()), name);
            }

            Assert.True(TinyModel.SameJson(folder.ConfigJson(component), bundle.ConfigJson(component)), $"{component}");
        }

        Assert.True(TinyModel.SameJson(folder.SchedulerConfigJson, bundle.SchedulerConfigJson));
        foreach (string name in ModelFiles.TokenizerFileNames)
            Assert.Equal(folder.FindTokenizerFile(name), bundle.FindTokenizerFile(name));
        using TensorCollection beats = bundle.Open(ModelComponent.Beats);
        Assert.Equal(WeightFormula.Source("tinyhf/beats/", "patch_embedding.weight", [16, 1, 16, 16]).ReadAll(), beats.Find("patch_embedding.weight")!.ReadAll());
    }

    // As the demonstration model's: its ids are those of the lines of merges.txt.
    [Fact]
    public void TokenizerWithoutVocabulary_IsCopiedAsItIs()
    {
        File.Delete(_tiny.Folder.PathOf("tokenizer/vocab.json"));
        using ModelFiles bundle = ModelFiles.Open(Build(new BundleBuilder()));
        Assert.Null(bundle.FindTokenizerFile("vocab.json"));
        Assert.Equal(File.ReadAllBytes(_tiny.Folder.PathOf("tokenizer/merges.txt")), bundle.FindTokenizerFile("merges.txt"));
    }

    [Fact]
    public void Provenance_NamesSourcesAndNoPlaces()
    {
        string path = Build(new BundleBuilder { Policy = DTypePolicy.BF16 });
        using DiffusersFolder folder = _tiny.Open();
        using ModelFiles bundle = ModelFiles.Open(path);
        Assert.DoesNotContain(Path.GetDirectoryName(_tiny.Folder.Path)!, bundle.ProvenanceJson, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(bundle.ProvenanceJson!);
        Assert.Equal("audiotoken-converter", json.RootElement.GetProperty("converter").GetString());
        Assert.Equal("bf16", json.RootElement.GetProperty("dtype").GetString());
        Assert.Equal(folder.Sources, json.RootElement.GetProperty("sources").EnumerateArray().Select(source => new ModelSource(
            source.GetProperty("name").GetString()!, source.GetProperty("bytes").GetInt64(), source.GetProperty("sha256").GetString()!)));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))), bundle.ContentHash);
    }

    [Fact]
    public void SameModel_GivesTheSameBytes()
    {
        Assert.Equal(File.ReadAllBytes(Build(new BundleBuilder(), "first.safetensors")), File.ReadAllBytes(Build(new BundleBuilder(), "second.safetensors")));
    }

    [Theory]
    [InlineData(DTypePolicy.F32, DType.F32, 0)]
    [InlineData(DTypePolicy.F16, DType.F16, 1 / 2048.0)] // half a unit in the last of 11 bits, below 1 in magnitude at most 2^-11 by far
    [InlineData(DTypePolicy.BF16, DType.BF16, 1 / 256.0)]
    public void Policy_DecidesTheTypeOfFloats(DTypePolicy policy, DType expected, double tolerance)
    {
        using DiffusersFolder folder = _tiny.Open();
        using ModelFiles bundle = ModelFiles.Open(Build(new BundleBuilder { Policy = policy }));
        using TensorCollection before = folder.Open(ModelComponent.Unet), after = bundle.Open(ModelComponent.Unet);
        Assert.All(after.Names, name => Assert.Equal(expected, after.Find(name)!.DType));
        // Weights of the formula lie below 1.125 in magnitude, where half a unit in the last place is 2^-11 (F16) and 2^-8 (BF16).
        foreach (string name in before.Names)
            TensorAssert.MaxAbs(before.Find(name)!.ReadAll(), after.Find(name)!.ReadAll(), tolerance, name);
    }

    [Fact]
    public void ValuesThatAreNotFinite_AreRefused_UnlessAllowed()
    {
        SafetensorsWriter writer = new();
        writer.Add("w", [5], [1f, float.NaN, 2f, float.PositiveInfinity, 3f]);
        writer.Save(_tiny.Folder.PathOf("embedder.safetensors"));
        WeightFileException exception = Assert.Throws<WeightFileException>(() => Build(new BundleBuilder()));
        Assert.Equal((4108, "embedder.safetensors: tensor 'w' holds 2 values of 5 that are not finite, the first at index 1."), (exception.Code, exception.Message));
        Assert.Empty(_out.Files);
        Build(new BundleBuilder { AllowNonFinite = true });
    }

    [Fact]
    public void MissingPart_LeavesTheOldBundle()
    {
        string path = _out.Write("tiny.safetensors", "old"u8);
        File.Delete(_tiny.Folder.PathOf("beats.safetensors"));
        WeightFileException exception = Assert.Throws<WeightFileException>(() => Build(new BundleBuilder()));
        Assert.Contains("Beats is missing.", exception.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["tiny.safetensors"], _out.Files);
    }

    [Fact]
    public void Cancelling_LeavesNothing()
    {
        using DiffusersFolder folder = _tiny.Open();
        Assert.Throws<OperationCanceledException>(() => new BundleBuilder().Build(folder, _out.PathOf("tiny.safetensors"), cancellationToken: new CancellationToken(true)));
        Assert.Empty(_out.Files);
    }

    [Fact]
    public void Bundle_CanBeBuiltOfABundle_AndRemembersTheEarlierOne()
    {
        string first = Build(new BundleBuilder()), second = _out.PathOf("half.safetensors");
        using ModelFiles bundle = ModelFiles.Open(first);
        new BundleBuilder { Policy = DTypePolicy.F16 }.Build(bundle, second, cancellationToken: TestContext.Current.CancellationToken);
        using ModelFiles half = ModelFiles.Open(second);
        using JsonDocument json = JsonDocument.Parse(half.ProvenanceJson!);
        Assert.Equal(bundle.ProvenanceJson, json.RootElement.GetProperty("earlier").GetString());
        Assert.InRange(new FileInfo(second).Length, 1, new FileInfo(first).Length * 6 / 10);
    }

    private string Build(BundleBuilder builder, string name = "tiny.safetensors")
    {
        string path = _out.PathOf(name);
        using DiffusersFolder folder = _tiny.Open();
        builder.Build(folder, path, cancellationToken: TestContext.Current.CancellationToken);
        return path;
    }
}
