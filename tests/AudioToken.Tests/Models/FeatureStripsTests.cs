using AudioToken.Models.Layers;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Models;

/// <summary>Maps in strips of rows, in float64 arithmetic: what is left of a difference is the rounding of the strips' factors to fp32.</summary>
public sealed class FeatureStripsTests
{
    private const int Width = 5, Channels = 6, Groups = 3;

    [Theory]
    [InlineData(1, 8)]
    [InlineData(2, 2)]
    [InlineData(3, 8)] // a row a strip
    [InlineData(9, 4)]
    [InlineData(20, 8)]
    public void ANorm_HasTheStatisticsOfTheWholeMap(int rows, int strips)
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        GroupNorm norm = Norm(ops, strips: true);
        Tensor map = Map(ops, rows);
        float[] expected = Values(ops, norm.Forward(ops, map, Activation.Silu));
        FeatureStrips cut = FeatureStrips.Cut(ops, scope, map, strips), normed = cut.Next();
        StripStatistics statistics = norm.Statistics(ops, cut);
        for (int i = 0; i < cut.Count; i++)
            normed[i] = cut.Inner(i, norm.ForwardStrip(ops, cut, statistics, i));

        // Two factors rounded and the result stored, of values and shifts up to about 8.
        TensorAssert.MaxAbs(expected, Values(ops, normed.Join(ops)), Tolerance.Chain(4, 8));
    }

    [Fact]
    public void Strips_MakeUpTheMap_AndSeeTheRowsBesideThem()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        Tensor map = Map(ops, 7);
        float[] values = Values(ops, map);
        FeatureStrips cut = FeatureStrips.Cut(ops, scope, map, 3);
        Assert.Equal([2, 2, 3], Enumerable.Range(0, 3).Select(i => cut[i].Shape[1]));
        Assert.Equal(values, Values(ops, cut.Join(ops)));
        foreach ((int strip, int first, int last) in new[] { (0, 0, 3), (1, 1, 5), (2, 3, 7) })
            Assert.Equal(values[(first * Width * Channels)..(last * Width * Channels)], Values(ops, cut.Region(ops, strip)));
    }

    [Fact]
    public void ANormThatWasNotLoadedForIt_RefusesStrips()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        GroupNorm norm = Norm(ops, strips: false);
        FeatureStrips cut = FeatureStrips.Cut(ops, scope, Map(ops, 4), 2);
        StripStatistics statistics = norm.Statistics(ops, cut);
        Assert.Equal("This norm was not loaded for strips.", Assert.Throws<InvalidOperationException>(() => norm.ForwardStrip(ops, cut, statistics, 0)).Message);
    }

    // Far from zero, and another mean in each row.
    private static Tensor Map(ReferenceOps ops, int rows)
    {
        float[] values = new Draw(1).Normal([1, rows, Width, Channels]);
        for (int i = 0; i < values.Length; i++)
            values[i] += 50 + (i / (Width * Channels));
        return ops.Upload(values, [1, rows, Width, Channels]);
    }

    private static GroupNorm Norm(ReferenceOps ops, bool strips)
    {
        ArrayCheckpoint checkpoint = new(new Dictionary<string, WeightSource>
        {
            ["weight"] = new ArrayWeightSource("weight", [Channels], new Draw(2).Normal([Channels])),
            ["bias"] = new ArrayWeightSource("bias", [Channels], new Draw(3).Normal([Channels])),
        });
        return GroupNorm.Load(new WeightStore(ops, checkpoint).Root, Channels, Groups, 1e-6f, strips);
    }

    private static float[] Values(ReferenceOps ops, Tensor tensor) => Array.ConvertAll(ops.Download(tensor), value => (float)value);
}
