using System.Text;
using System.Text.Json.Nodes;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Weights;

public sealed class ShardedTensorsTests : IDisposable
{
    private const string First = "model-00001-of-00002.safetensors";
    private const string Second = "model-00002-of-00002.safetensors";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Shards_ThatAgreeWithTheIndex_AreOneCollection()
    {
        Shard(First, ("a", 1), ("b", 2));
        Shard(Second, ("c", 3));
        using ShardedTensors sharded = Open(("a", First), ("b", First), ("c", Second));
        Assert.Equal(["a", "b", "c"], sharded.Names.Order(StringComparer.Ordinal));
        Assert.Equal([2f], sharded.Find("b")!.ReadAll());
        Assert.Equal([3f], sharded.Find("c")!.ReadAll());
        Assert.Null(sharded.Find("d"));
        Assert.Equal([First, Second], sharded.Shards.Select(shard => shard.Description));
    }

    [Fact]
    public void AllDisagreements_AreInOneReport()
    {
        Shard(First, ("a", 1), ("b", 2), ("extra", 0));
        Shard(Second, ("a", 1), ("c", 3));
        WeightFileException exception = Assert.Throws<WeightFileException>(() =>
            Open(("a", First), ("b", Second), ("c", Second), ("d", First), ("e", "model-3.safetensors"), ("f", "model-3.safetensors")));
        Assert.Equal(4109, exception.Code);
        Assert.Equal(
            $"""
            model.safetensors.index.json: index and shards disagree:
              shard 'model-3.safetensors' is missing, with 2 tensors
              'b' lies in '{First}', the index says '{Second}'
              'extra' lies in '{First}' and is not in the index
              'a' stands in both '{First}' and '{Second}'
              'd' is not in '{First}', where the index says it is
            """,
            exception.Message,
            ignoreLineEndingDifferences: true);
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("..\\model.safetensors")]
    [InlineData("C:model.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    public void ShardName_ThatLeavesTheFolder_IsRefused(string shard)
    {
        WeightFileException exception = Assert.Throws<WeightFileException>(() => Open(("a", shard)));
        Assert.Equal(4109, exception.Code);
        Assert.Equal($"model.safetensors.index.json: the shard of 'a' is '{shard}'; it must be the plain name of a file beside the index.", exception.Message);
    }

    [Theory]
    [InlineData("{}", "the index has no object 'weight_map'.")]
    [InlineData("{\"weight_map\":[]}", "the index has no object 'weight_map'.")]
    [InlineData("{\"weight_map\":{\"a\":1}}", "the shard of 'a' is '1'; it must be the plain name")]
    [InlineData("{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}", "the file is not valid JSON: Duplicate property 'a'")]
    [InlineData("[]", "the file holds a JSON Array, wanted an object.")]
    [InlineData("<html>", "the file is not valid JSON: '<'")]
    public void Index_ThatIsMalformed_IsRefused(string index, string expected)
    {
        string path = _folder.Write("model.safetensors.index.json", Encoding.UTF8.GetBytes(index));
        WeightFileException exception = Assert.Throws<WeightFileException>(() => ShardedTensors.Open(path));
        Assert.Contains($"model.safetensors.index.json: {expected}", exception.Message, StringComparison.Ordinal);
    }

    private void Shard(string name, params (string Name, float Value)[] tensors)
    {
        SafetensorsWriter writer = new();
        foreach ((string tensor, float value) in tensors)
            writer.Add(tensor, [1], [value]);
        writer.Save(_folder.PathOf(name));
    }

    private ShardedTensors Open(params (string Name, string Shard)[] map)
    {
        JsonObject weightMap = [.. map.Select(pair => KeyValuePair.Create(pair.Name, (JsonNode?)pair.Shard))];
        JsonObject index = new() { ["metadata"] = new JsonObject { ["total_size"] = 1 }, ["weight_map"] = weightMap };
        return ShardedTensors.Open(_folder.Write("model.safetensors.index.json", Encoding.UTF8.GetBytes(index.ToJsonString())));
    }
}
