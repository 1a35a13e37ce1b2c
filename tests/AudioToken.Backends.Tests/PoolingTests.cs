using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

public sealed class PoolingTests
{
    private static readonly OpCase[] s_cases =
    [
        Cosine("cosine, one row of one column", 1, 1, 1),
        Cosine("cosine, prime extents", 3, 13, 17),
        Cosine("cosine, 248 rows of 768", 1, 248, 768),
        Pool("pool, one row", 1, 1, 5, 1),
        Pool("pool, prime extents", 3, 13, 17, 1),
        Pool("pool, 248 rows of 768", 1, 248, 768, 1),
        Pool("pool, scores beyond 80", 2, 61, 7, 40),
    ];

    public static TheoryData<string> Backends => BackendData.All;

    public static TheoryData<string, string> Cases => BackendData.With(s_cases);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operation_MatchesFloat64(string backend, string name) => OpCase.Check(s_cases, backend, name);

    [Theory]
    [MemberData(nameof(Backends))]
    public void MeanCosine_OfZeroRowsIsZero(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Tensor zero = ops.Upload(new float[12], [1, 3, 4]), x = ops.Normal(new Draw(1), [1, 3, 4]);
        Assert.All(ops.Values(ops.MeanCosine(zero, x)), value => Assert.Equal(0, value));
        Assert.All(ops.Values(ops.MeanCosine(x, zero)), value => Assert.Equal(0, value));
    }

    // A row of y: its square sum, root and quotient; the mean of Length such numbers of about 1 / sqrt width; a dot product of Width
    // terms of a result of about 1 / sqrt Length; the other row's length. All of at most 1.
    private static OpCase Cosine(string name, int batch, int length, int width) =>
        new(name, Tolerance.Chain(8, 1) + Tolerance.Sum(length, 1.0 / length / Math.Sqrt(width)) + Tolerance.Sum(width, 1.0 / width), (ops, draw) =>
            ops.MeanCosine(ops.Normal(draw, [batch, length, width], 0.5), ops.Normal(draw, [batch, length, width], 0.2, 3)));

    // As in attention: the difference to the maximum, then exponential, quotient, product and sum, in six deviations.
    private static OpCase Pool(string name, int batch, int length, int width, double spread) =>
        new(name, Tolerance.Chain(6, spread) + Tolerance.Chain(6 * 4, 1), (ops, draw) =>
            ops.AttentionPool(ops.Normal(draw, [batch, length, width]), ops.Normal(draw, [batch, length, 1], deviation: spread)));
}
