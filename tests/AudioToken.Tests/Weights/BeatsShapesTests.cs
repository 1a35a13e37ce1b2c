using System.Text.Json;
using AudioToken.Models.Beats;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Weights;

public sealed class BeatsShapesTests
{
    private static readonly BeatsConfig s_published = new()
    {
        DeepNorm = true, RelativePositions = true, GatedPositions = true, MaxDistance = 800,
    };

    [Fact]
    public void PublishedCheckpointWithoutItsConfiguration_IsKnownByItsShapes() => Assert.Equal(s_published, Infer(s_published));

    [Theory]
    [InlineData(16, 32, 64, 4, 128, 16, 320)]
    [InlineData(48, 48, 80, 3, 32, 8, 64)]
    public void SmallerCheckpoints_AreKnownByTheirShapesToo(int embed, int width, int feedForward, int heads, int kernel, int groups, int buckets)
    {
        BeatsConfig config = s_published with
        {
            EmbedWidth = embed, Width = width, FeedForwardWidth = feedForward, Heads = heads, PositionKernel = kernel, PositionGroups = groups, Buckets = buckets,
        };
        Assert.Equal(config, Infer(config));
    }

    [Fact]
    public void AnythingElse_GetsThePublishedConfiguration_SoThatLoadingReportsWhatIsMissing() =>
        Assert.Equal(s_published with { RelativePositions = false, GatedPositions = false }, Parse(BeatsShapes.InferConfig(new SourceCollection("empty", []))));

    private static BeatsConfig Infer(BeatsConfig config)
    {
        using FormulaCheckpoint checkpoint = new("beats/", CheckpointShapes.Beats(config));
        return Parse(BeatsShapes.InferConfig(checkpoint));
    }

    private static BeatsConfig Parse(string config)
    {
        using JsonDocument json = JsonDocument.Parse(config);
        return BeatsConfig.Parse(json.RootElement);
    }
}
