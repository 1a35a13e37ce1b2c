using AudioToken.Models.Vae;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Models;

/// <summary>The tables of names and shapes have the published sizes, and each model asks for exactly what its table holds.</summary>
public sealed class CheckpointShapesTests
{
    [Fact]
    public void Unet_HasThePublishedSize()
    {
        AssertSize(CheckpointShapes.Unet(PublishedConfigs.UnetSd1), 686, 859_520_964);
        AssertSize(CheckpointShapes.Unet(PublishedConfigs.UnetSd2, linearProjection: true), 686, 865_910_724);
    }

    [Fact]
    public void Vae_HasThePublishedSize()
    {
        AssertSize(CheckpointShapes.Vae(new VaeConfig()), 248, 83_653_863);
        AssertSize(CheckpointShapes.Vae(new VaeConfig(), newAttentionNames: true), 248, 83_653_863);
    }

    [Fact]
    public void ClipText_HasThePublishedSize()
    {
        AssertSize(CheckpointShapes.ClipText(PublishedConfigs.ClipSd1), 196, 123_060_480);
        AssertSize(CheckpointShapes.ClipText(PublishedConfigs.ClipSd2), 372, 340_387_840);
    }

    [Fact]
    public void Beats_HasThePublishedSize()
    {
        // 252 keys with the classifier's two; eleven of the rest repeat layer 0's bias table.
        IReadOnlyDictionary<string, Shape> shapes = CheckpointShapes.Beats(PublishedConfigs.Beats);
        Assert.Equal(250, shapes.Count);
        Assert.Equal(90_311_792, shapes.Values.Sum(shape => shape.Count) - 11 * 320 * 12);
    }

    [Fact]
    public void Embedder_HasThePublishedSize()
    {
        AssertSize(CheckpointShapes.Embedder(2304, 768), 13, 8_853_507);
        AssertSize(CheckpointShapes.Embedder(2304, 1024), 13, 10_820_867);
    }

    private static void AssertSize(IReadOnlyDictionary<string, Shape> shapes, int tensors, long parameters)
    {
        Assert.Equal(tensors, shapes.Count);
        Assert.Equal(parameters, shapes.Values.Sum(shape => shape.Count));
    }
}
