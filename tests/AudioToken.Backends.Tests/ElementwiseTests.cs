using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

public sealed class ElementwiseTests
{
    // 1 + 8 + 16 in every mixture, and more than one part of the threads.
    private static readonly int[] s_lengths = [1, 2, 7, 8, 15, 16, 17, 31, 33, 100, 16385, 40001];

    private static readonly OpCase[] s_cases =
    [
        .. Enum.GetValues<Activation>().Where(activation => activation != Activation.Geglu).SelectMany(activation => s_lengths, Activate),
        .. s_lengths.Select(length => Sum(length, 1)),
        Sum(100, 2),
        Sum(257, 3),
        Sum(33, 8),
        SumOfBothTypes(40),
        SumOfBothTypes(13),
        new("clamp", 0, (ops, draw) => ops.Clamp(ops.Normal(draw, [3, 67], deviation: 2), -1, 1.5f)),
        new("clamp to a point", 0, (ops, draw) => ops.Clamp(ops.Normal(draw, [5]), 0.25f, 0.25f)),
        new("concat of one", 0, (ops, draw) => ops.Concat([ops.Normal(draw, [2, 3])])),
        new("concat of three", 0, (ops, draw) => ops.Concat([ops.Normal(draw, [2, 5, 3]), ops.Normal(draw, [2, 5, 1]), ops.Normal(draw, [2, 5, 16])])),
        new("concat of eight", 0, (ops, draw) => ops.Concat([.. Enumerable.Range(1, 8).Select(width => ops.Normal(draw, [7, width]))])),
        new("repeat once", 0, (ops, draw) => ops.RepeatBatch(ops.Normal(draw, [2, 3]), 1)),
        new("repeat three times", 0, (ops, draw) => ops.RepeatBatch(ops.Normal(draw, [2, 5, 3]), 3)),
        new("slice of a batch", 0, (ops, draw) => ops.RepeatBatch(ops.Normal(draw, [4, 5, 3]).Slice(1, 2), 2)),
    ];

    public static TheoryData<string> Backends => BackendData.All;

    public static TheoryData<string, string> Cases => BackendData.With(s_cases);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operation_MatchesFloat64(string backend, string name) => OpCase.Check(s_cases, backend, name);

    [Theory]
    [MemberData(nameof(Backends))]
    public void Activate_KeepsItsLimits(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload([0f, -200f, 200f, float.NaN], [4]);
        foreach (Activation activation in new[] { Activation.Silu, Activation.Gelu, Activation.QuickGelu, Activation.Relu })
        {
            // Flat tails may stop short of 0 by the error that Gelu states, 1e-7.
            float[] y = ops.Values(ops.Activate(x, activation));
            Assert.Equal((0f, 200f), (y[0], y[2]));
            Assert.Equal(0, y[1], 1e-7);
            if (activation != Activation.Relu)
                Assert.True(float.IsNaN(y[3]), $"{activation}(NaN) = {y[3]}");
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Operation_NamesBothSidesOfAMismatch(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor x = ops.Upload([1f, 2f], [1, 2]), y = ops.Upload([1f, 2f, 3f], [3, 1]), ids = ops.Upload([1, 2], [2]);
        void Refuses(string message, Func<Tensor> act) => Assert.Equal(message, Assert.Throws<ShapeException>(() => act()).Message);
        Refuses("Activate: Geglu is not a function of one element.", () => ops.Activate(x, Activation.Geglu));
        Refuses("Activate: x is I32 [2]; it wants a float tensor.", () => ops.Activate(ids, Activation.Silu));
        Refuses("WeightedSum: a term is [3, 1], the first [1, 2].", () => ops.WeightedSum([new(x, 1), new(y, 1)]));
        Refuses("WeightedSum: 0 terms; 1 to 8.", () => ops.WeightedSum([]));
        Refuses("Clamp: [1, 0] is not a range.", () => ops.Clamp(x, 1, 0));
        Refuses("Concat: a part is [3, 1], the first [1, 2]; all but the last extent agree.", () => ops.Concat([x, y]));
        Refuses("Concat: 9 parts; 1 to 8.", () => ops.Concat([x, x, x, x, x, x, x, x, x]));
        Refuses("RepeatBatch: [1, 2] 0 times; it wants [B, ...] and at least once.", () => ops.RepeatBatch(x, 0));
        Refuses("MeanCosine: x is no tensor; it wants a float tensor.", () => ops.MeanCosine(default, x));
    }

    [Fact]
    public void Operation_RefusesATensorOfAnotherInstance()
    {
        using ITensorOps ops = BackendData.Open("cpu"), other = BackendData.Open("cpu");
        using ReferenceOps reference = new();
        using TensorScope scope = ops.Scope(), otherScope = other.Scope(), referenceScope = reference.Scope();
        Tensor foreign = other.Upload([1f, 2f], [2]), distant = reference.Upload([1f, 2f], new Shape(2));
        Assert.Throws<ShapeException>(() => ops.Clamp(foreign, 0, 1));
        Assert.Throws<ShapeException>(() => ops.Clamp(distant, 0, 1));
        Assert.Throws<ShapeException>(() => reference.Clamp(foreign, 0, 1));
    }

    // A relative error of 4e-7 is 7 roundings, of values that reach 30.
    private static OpCase Activate(Activation activation, int length) =>
        new($"{activation} of {length}", Tolerance.Chain(7, 30), (ops, draw) => ops.Activate(ops.Normal(draw, [length], deviation: 6), activation));

    // An upload is fp32, a normalised row of the storage type: 10 roundings of values up to 6, doubled, beside those of the sum.
    private static OpCase SumOfBothTypes(int columns) =>
        new($"sum of both types, {columns} columns", Tolerance.Chain(26, 12), (ops, draw) =>
        {
            using TensorScope scope = ops.Scope();
            Tensor x = ops.Normal(draw, [3, columns]);
            using Weight gamma = ops.Weight(draw, WeightRole.Vector, [columns], 1, 0.15), beta = ops.Weight(draw, WeightRole.Vector, [columns]);
            Tensor normalised = ops.LayerNorm(x, gamma, beta, 1e-5f);
            return scope.Keep(ops.WeightedSum([new(normalised, 2), new(x, -0.5f), new(normalised, 0.25f)]));
        });

    // A rounding for each product and each partial sum, of values up to 6.
    private static OpCase Sum(int length, int terms) =>
        new($"sum of {terms} of {length}", Tolerance.Chain(2 * terms, 6), (ops, draw) =>
            ops.WeightedSum([.. Enumerable.Range(0, terms).Select(i => new WeightedTensor(ops.Normal(draw, [length]), (i - 1.3f) / 3))]));
}
