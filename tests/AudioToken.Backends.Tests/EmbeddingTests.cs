using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

public sealed class EmbeddingTests
{
    private static readonly OpCase[] s_cases =
    [
        Time("times of the denoiser", [981, 500, 1, 0], 320, true, 0),
        Time("sine first, shifted", [999, 7], 32, false, 1),
        Time("fraction of a step", [499.5f], 6, true, 0),
        Time("one frequency", [3], 2, true, 0),
        new("tokens", Tolerance.Chain(1, 6), (ops, draw) => Tokens(ops, draw, -1, 0)),
        new("tokens, one placeholder for all", Tolerance.Chain(1, 6), (ops, draw) => Tokens(ops, draw, 3, 1)),
        new("tokens, a placeholder each", Tolerance.Chain(1, 6), (ops, draw) => Tokens(ops, draw, 3, 2)),
        new("tokens, three placeholders for all", Tolerance.Chain(1, 6), (ops, draw) => Tokens(ops, draw, 3, 1, 3)),
        new("tokens, two placeholders each", Tolerance.Chain(1, 6), (ops, draw) => Tokens(ops, draw, 3, 2, 2)),
        Positions("positions, one token", 1, 3, 2),
        Positions("positions", 13, 20, 5),
        Gate("gate, one head", 1, 1, 1),
        Gate("gate", 2, 31, 12),
    ];

    public static TheoryData<string> Backends => BackendData.All;

    public static TheoryData<string, string> Cases => BackendData.With(s_cases);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operation_MatchesFloat64(string backend, string name) => OpCase.Check(s_cases, backend, name);

    [Theory]
    [MemberData(nameof(Backends))]
    public void TimestepEmbedding_GivesTheKnownAnswer(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        float[] v = ops.Values(ops.TimestepEmbedding(ops.Upload([981f], [1]), 320, true, 0));

        // Six digits are given; see Time for what fp32 angles are off by.
        (int Index, double Value)[] known = [(0, 0.679957), (1, -0.798430), (2, 0.578088), (159, 0.994606), (160, 0.733252), (161, 0.602088), (162, 0.815974), (319, 0.103726)];
        Assert.All(known, one => Assert.Equal(one.Value, v[one.Index], 981 * 2 * Tolerance.Roundoff + 1e-6));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void TokenEmbedding_TakesAPlaceholderBeyondTheTable(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        using Weight tokens = Table(ops, [4, 2], 1, 2, 3, 4, 5, 6, 7, 8), positions = Table(ops, [3, 2], 0, 0, 10, 10, 20, 20);
        Tensor ids = ops.Upload([0, 49408, 3, 49408, 1, 2], [2, 3]), placeholder = ops.Upload([0.5f, 0.25f, -0.5f, -0.25f], [2, 2]);
        float[] y = ops.Values(ops.TokenEmbedding(ids, tokens, positions, 49408, placeholder));
        Assert.Equal([1, 2, 10.5f, 10.25f, 27, 28, -0.5f, -0.25f, 13, 14, 25, 26], y);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void TokenEmbedding_RefusesWhatHasNoRow(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        using Weight tokens = Table(ops, [2, 1], 1, 2), positions = Table(ops, [2, 1], 0, 0);
        void Refuses(string message, Func<Tensor> act) => Assert.Equal(message, Assert.Throws<ShapeException>(() => act()).Message);
        Refuses("TokenEmbedding: id 2 has no row in table, which has 2.", () => ops.TokenEmbedding(ops.Upload([0, 2], [1, 2]), tokens, positions, -1, default));
        Refuses("TokenEmbedding: id -1 has no row in table, which has 2.", () => ops.TokenEmbedding(ops.Upload([-1], [1, 1]), tokens, positions, -1, default));
        Refuses("TokenEmbedding: id 9 is the placeholder, and no vector is given for it.", () => ops.TokenEmbedding(ops.Upload([9], [1, 1]), tokens, positions, 9, default));
        Refuses("TokenEmbedding: id 11 has no row in table, which has 2.", () => ops.TokenEmbedding(ops.Upload([9, 10, 11], [3, 1]), tokens, positions, 9, ops.Upload([1f, 2f], [1, 2, 1])));
        Refuses("TokenEmbedding: the placeholder is [2, 1, 1]; it wants [3, P, 1] or [1, P, 1], or the same without P.", () => ops.TokenEmbedding(ops.Upload([0, 0, 0], [3, 1]), tokens, positions, 9, ops.Upload([1f, 2f], [2, 1, 1])));
        Refuses("TokenEmbedding: table is [2, 1]; 3 tokens want at least [3, 1].", () => ops.TokenEmbedding(ops.Upload([0, 0, 0], [1, 3]), tokens, positions, -1, default));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void RelativePositionBias_ReadsKeyMinusQuery(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();

        // Distances -1, 0, 1 take rows 2, 0, 1 of two heads.
        using Weight table = Table(ops, [3, 2], 0, 100, 1, 101, 2, 102);
        Tensor y = ops.RelativePositionBias(table, ops.Upload([2, 0, 1], [3]));
        Assert.Equal([0, 1, 2, 0, 100, 101, 102, 100], ops.Values(y));
        ShapeException wrong = Assert.Throws<ShapeException>(() => ops.RelativePositionBias(table, ops.Upload([0, 3, 0], [3])));
        Assert.Equal("RelativePositionBias: bucket 3 has no row in table, which has 3.", wrong.Message);
        wrong = Assert.Throws<ShapeException>(() => ops.RelativePositionBias(table, ops.Upload([0, 1], [2])));
        Assert.Equal("RelativePositionBias: the buckets are I32 [2]; they want I32 [2 L - 1].", wrong.Message);
    }

    // exp's argument, its result and the product are rounded: an angle t f with f = e^-a is off by t e^-a (a + 2) units at most,
    // which is largest (2 t) at a = 0. Sine and cosine add one of their own.
    private static OpCase Time(string name, float[] times, int width, bool cosineFirst, float shift) =>
        new(name, Tolerance.Chain(1, 2 * times.Max() + 4), (ops, draw) => ops.TimestepEmbedding(ops.Upload(times, [times.Length]), width, cosineFirst, shift));

    private static Tensor Tokens(ITensorOps ops, Draw draw, int placeholderId, int samples, int placeholders = 0)
    {
        using Weight tokens = ops.Weight(draw, WeightRole.Table, [11, 19]), positions = ops.Weight(draw, WeightRole.Table, [9, 19]);
        Tensor placeholder = samples == 0 ? default : ops.Normal(draw, placeholders == 0 ? [samples, 19] : [samples, placeholders, 19]);
        return ops.TokenEmbedding(ops.Upload(draw.Integers(14, 0, 11), [2, 7]), tokens, positions, placeholderId, placeholder);
    }

    private static OpCase Positions(string name, int length, int rows, int heads) => new(name, 0, (ops, draw) =>
    {
        using Weight table = ops.Weight(draw, WeightRole.Table, [rows, heads]);
        return ops.RelativePositionBias(table, ops.Upload(draw.Integers((2 * length) - 1, 0, rows), [(2 * length) - 1]));
    });

    // Two sums of four, up to 8, before sigmoids of slope 1/4, and a handful of roundings of values up to 3.
    private static OpCase Gate(string name, int batch, int length, int heads) => new(name, Tolerance.Chain(2, 8) + Tolerance.Chain(5, 3), (ops, draw) =>
    {
        using Weight scale = ops.Weight(draw, WeightRole.Vector, [1, heads, 1, 1], 1, 0.2);
        return ops.RelativePositionGate(ops.Normal(draw, [batch, length * heads, 8]), scale);
    });

    private static Weight Table(ITensorOps ops, Shape shape, params float[] values) => ops.LoadWeight(new ArrayWeightSource("table", shape, values), WeightRole.Table);
}
