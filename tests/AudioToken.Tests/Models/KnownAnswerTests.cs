using AudioToken.Models.Beats;
using AudioToken.Models.Fga;
using AudioToken.Models.Vae;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Models;

/// <summary>Small numbers that were worked out apart from any implementation.</summary>
public sealed class KnownAnswerTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 161)]
    [InlineData(-1, 1)]
    [InlineData(79, 239)]
    [InlineData(-79, 79)]
    [InlineData(80, 240)]
    [InlineData(-80, 80)]
    [InlineData(81, 240)]
    [InlineData(82, 240)]
    [InlineData(83, 241)]
    [InlineData(100, 247)]
    [InlineData(-100, 87)]
    [InlineData(200, 271)]
    [InlineData(247, 279)]
    [InlineData(-247, 119)]
    [InlineData(495, 303)]
    [InlineData(-495, 143)]
    [InlineData(799, 319)]
    [InlineData(900, 319)]
    public void RelativePositionBuckets_GiveTheOriginalsRow(int distance, int row) =>
        Assert.Equal(row, RelativePositionBuckets.Of(distance, buckets: 320, maxDistance: 800));

    [Fact]
    public void RelativePositionBuckets_RunFromTheFarLeftToTheFarRight()
    {
        int[] rows = RelativePositionBuckets.ForLength(496, 320, 800);
        Assert.Equal(991, rows.Length);
        Assert.Equal((143, 1, 0, 161, 303), (rows[0], rows[494], rows[495], rows[496], rows[990]));
    }

    [Fact]
    public void Embedder_PoolsTheWorkedExample()
    {
        // All parameters are 0.5 sin(1.7 k + 0.3), k running over the tensors in file order; six inputs, four outputs, three tokens.
        int k = 0;
        Dictionary<string, WeightSource> sources = [];
        foreach ((string name, Shape shape) in CheckpointShapes.Embedder(6, 4))
        {
            float[] values = new float[shape.Count];
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(0.5 * Math.Sin(1.7 * k++ + 0.3));
            sources[name] = new ArrayWeightSource(name, shape, values);
        }

        Assert.Equal(137, k);
        float[] input = [.. Enumerable.Range(0, 18).Select(i => (float)Math.Cos(0.9 * i))];

        using ReferenceOps ops = new();
        using ProbeOps probe = new(ops);
        using ArrayCheckpoint checkpoint = new(sources);
        using FgaEmbedder embedder = FgaEmbedder.Load(ops, checkpoint);
        using TensorScope scope = ops.Scope();
        float[] token = new float[4];
        ops.Download(embedder.Forward(probe, ops.Upload(input, [1, 3, 6])), token);

        // Six digits are printed; the values are of order one and the parameters were rounded to single.
        TensorAssert.MaxAbs([-0.543274f, 0.461190f, 0.406886f, -0.847801f], probe.Result("fc2").AsSpan(0, 4), 1e-6, "U_0");
        TensorAssert.MaxAbs([0.381388f, 0.377303f, 0.356419f], probe.Result("fga.un_models.0.feature_reduce"), 1e-6, "u");
        TensorAssert.MaxAbs([-0.872060f, -0.882690f, -0.904968f], probe.Result(nameof(ITensorOps.MeanCosine)), 1e-6, "s");
        TensorAssert.MaxAbs([-0.5809880f, 0.5866282f, 0.2654085f, -0.7711338f], token, 5e-7, "out");
    }

    [Fact]
    public void TimestepEmbedding_HasTheOriginalsCosinesFirst()
    {
        using ReferenceOps ops = new();
        using TensorScope scope = ops.Scope();
        float[] v = new float[320];
        ops.Download(ops.TimestepEmbedding(ops.Upload([981f], [1]), 320, cosineFirst: true, frequencyShift: 0), v);
        // The printed digits come from single-precision angles of up to 981 radians: half a unit in the last place of those is 3e-5.
        TensorAssert.MaxAbs(
            [0.679957f, -0.798430f, 0.578088f, 0.994606f, 0.733252f, 0.602088f, 0.815974f, 0.103726f],
            [v[0], v[1], v[2], v[159], v[160], v[161], v[162], v[319]],
            3.2e-5);
    }

    [Fact]
    public void DiagonalGaussian_SplitsEachPixelAndLimitsTheVariance()
    {
        // Two pixels of two channels: means, then logarithms of variances.
        DiagonalGaussian posterior = new([1, 2, 0, MathF.Log(4), 3, 4, 100, -100], channels: 2);
        Assert.Equal([1, 2, 3, 4], posterior.Mean.ToArray());
        TensorAssert.MaxAbs([1, 2, MathF.Exp(10), MathF.Exp(-15)], posterior.Deviation, 1e-3);
        TensorAssert.MaxAbs([1.5f, 0, 3, 4], posterior.Sample([0.5f, -1, 0, 0]), 1e-6);
        Assert.Throws<ArgumentException>(() => new DiagonalGaussian([1, 2, 3], channels: 2));
        Assert.Throws<ArgumentException>(() => posterior.Sample([1]));
    }

    [Fact]
    public void ChannelLayout_TurnsThereAndBack()
    {
        float[] first = [.. Enumerable.Range(0, 2 * 3 * 5).Select(i => (float)i)];
        float[] last = new float[first.Length], back = new float[first.Length];
        ChannelLayout.ToChannelsLast(first, last, channels: 3, pixels: 5);
        Assert.Equal([0f, 5, 10, 1, 6, 11], last[..6]);
        Assert.Equal(15, last[15]);
        ChannelLayout.ToChannelsFirst(last, back, channels: 3, pixels: 5);
        Assert.Equal(first, back);
        ShapeException exception = Assert.Throws<ShapeException>(() => ChannelLayout.ToChannelsLast(first, last, channels: 4, pixels: 5));
        Assert.Equal("ToChannelsLast: 30 values to 30 in samples of 4 x 5.", exception.Message);
    }
}
