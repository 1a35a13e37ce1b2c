using AudioToken.Tensors;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Weights;

public class TensorCollectionTests
{
    [Fact]
    public void Under_ShowsOnePartWithoutItsPrefix()
    {
        using SourceCollection all = Of("all", "unet.conv.weight", "unet.bias", "unetx.bias", "vae.bias");
        using RenamedTensors unet = RenamedTensors.Under(all, "unet.");
        Assert.Equal("all (unet.*)", unet.Description);
        Assert.Equal(["bias", "conv.weight"], unet.Names.Order(StringComparer.Ordinal));
        Assert.Equal("conv.weight", unet.Find("conv.weight")!.Name);
        Assert.Equal(all.Find("unet.conv.weight")!.ReadAll(), unet.Find("conv.weight")!.ReadAll());
        Assert.Null(unet.Find("unet.bias"));
        Assert.Null(unet.Find("vae.bias"));
    }

    [Fact]
    public void Renamed_RefusesTwoTensorsUnderOneName()
    {
        using SourceCollection all = Of("all", "a", "b");
        ArgumentException exception = Assert.Throws<ArgumentException>(() => new RenamedTensors(all, "one", _ => "x"));
        Assert.StartsWith("all: 'b' and 'a' would both be called 'x'.", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Joined_FindsInEveryPart_AndRefusesDoubles()
    {
        using JoinedTensors joined = new("both", Of("first", "a"), Of("second", "b", "c"));
        Assert.Equal(["a", "b", "c"], joined.Names.Order(StringComparer.Ordinal));
        Assert.Equal("c", joined.Find("c")!.Name);
        Assert.Null(joined.Find("d"));
        WeightFileException exception = Assert.Throws<WeightFileException>(() => new JoinedTensors("both", Of("first", "a"), Of("second", "a")));
        Assert.Equal("both: tensor 'a' stands in both first and second.", exception.Message);
    }

    [Fact]
    public void View_ClosesWhatItLooksAt_UnlessToldNotTo()
    {
        using TemporaryFolder folder = new();
        string path = folder.PathOf("a.safetensors");
        SafetensorsWriter writer = new();
        writer.Add("unet.a", [1], [1f]);
        writer.Save(path);
        SafetensorsFile file = SafetensorsFile.Open(path);
        RenamedTensors.Under(file, "unet.", leaveOpen: true).Dispose();
        Assert.Equal([1f], file.Find("unet.a")!.ReadAll());
        RenamedTensors.Under(file, "unet.").Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Find("unet.a")!.ReadAll());
    }

    private static SourceCollection Of(string description, params string[] names) =>
        new(description, names.Select((name, i) => new ArrayWeightSource(name, [1], [i])));
}
