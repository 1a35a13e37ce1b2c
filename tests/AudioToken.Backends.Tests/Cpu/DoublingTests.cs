using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

/// <summary>3x3 convolutions of a map enlarged to twice its sides.</summary>
public sealed class DoublingTests
{
    private static readonly Product[] s_products =
    [
        Product.Doubled([1, 4, 4, 1], 1),
        Product.Doubled([2, 5, 7, 11], 13),
        Product.Doubled([1, 1, 16, 3], 33), // windows that hang over on both sides
        Product.Doubled([1, 17, 1, 5], 2),
        Product.Doubled([2, 4, 5, 6], 70, skipChannels: 5),
        Product.Doubled([1, 4, 4, 66], 17), // more channels than a part of the summing holds
        Product.Doubled([1, 4, 5, 520], 40), // several steps of K
        Product.Doubled([1, 1, 1, 3], 4), // too small: plain
        Product.Doubled([1, 3, 5, 2], 5), // one pixel too small
    ];

    public static TheoryData<string> AllKernels => Kernels.All;

    [Theory, MemberData(nameof(AllKernels))]
    public void Conv2d_AgreesWithFloat64_WithinTheBoundOfPlainSums(string kernel)
    {
        using CpuOps ops = Kernels.Open(kernel);
        foreach (Product product in s_products)
        {
            product.Check(ops);
            product.WithEverything().Check(ops);
            (product.WithEverything() with { ShiftRows = 1 }).Check(ops);
        }
    }

    [Fact]
    public void Conv2d_AgreesWithFloat64_InRunsOfColumns()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 2, Exact = true });
        Product.Doubled([1, 4, 4, 2100], 150).WithEverything().Check(ops);
    }

    [Fact]
    public void Conv2d_WithExactSums_KeepsTheBoundOfPlainSums_WhereWinogradWouldNot()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 2, Exact = true });
        Product.Doubled([1, 9, 11, 64], 70, skipChannels: 16).WithEverything().Check(ops);
    }

    [Theory, MemberData(nameof(AllKernels))]
    public void Conv2d_GivesTheSameBits_OnAnyNumberOfThreads_AloneAndInABatch(string kernel) =>
        (Product.Doubled([1, 5, 6, 70], 81, skipChannels: 9).WithEverything() with { ShiftRows = 1 }).CheckThreadsAndBatch(threads => Kernels.Open(kernel, threads));

    [Theory]
    [InlineData(4, 4, 8, 8, 1, 1, true)]
    [InlineData(1, 16, 2, 32, 1, 1, true)]
    [InlineData(3, 5, 6, 10, 1, 1, false)] // small
    [InlineData(4, 4, 8, 7, 1, 1, false)]
    [InlineData(4, 4, 9, 8, 1, 1, false)]
    [InlineData(4, 4, 0, 0, 1, 1, false)]
    [InlineData(4, 4, 8, 8, 2, 1, false)]
    [InlineData(4, 4, 8, 8, 1, 0, false)]
    public void Suits_OnlyDoubledMapsOfSomeSize(int height, int width, int tall, int wide, int stride, int padding, bool suits)
    {
        ConvGeometry geometry = new ConvGeometry(stride, padding) with { UpsampleHeight = tall, UpsampleWidth = wide };
        Assert.Equal(suits, Doubling.Suits([1, height, width, 3], [4, 3, 3, 3], geometry));
        Assert.False(Doubling.Suits([1, height, width, 3], [4, 3, 3, 1], geometry));
    }

    // The sums of weights are rounded where plain sums of products would be: operands of which every sum is exact show that no tap is lost or doubled.
    [Fact]
    public void Conv2d_IsExact_WhereAllSumsAre()
    {
        Shape input = [1, 4, 5, 3], shape = [2, 3, 3, 3];
        float[] x = [.. Enumerable.Range(0, (int)input.Count).Select(i => (float)(i * i % 17 - 8))];
        float[] w = [.. Enumerable.Range(0, (int)shape.Count).Select(i => (float)(1 << i % 9))];
        float[] Run(ITensorOps ops)
        {
            using TensorScope scope = ops.Scope();
            using Weight weight = ops.LoadWeight(new ArrayWeightSource("w", shape, w), WeightRole.Conv2d);
            return ops.Values(ops.Conv2d(ops.Upload(x, input), weight, new ConvGeometry(1, 1) with { UpsampleHeight = 8, UpsampleWidth = 10 }, default));
        }

        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using ReferenceOps reference = new();
        Assert.Equal(Run(reference), Run(ops));
    }
}
