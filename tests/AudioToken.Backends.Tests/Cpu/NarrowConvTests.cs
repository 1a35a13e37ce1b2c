using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

/// <summary>3x3 convolutions of large maps to few channels.</summary>
public sealed class NarrowConvTests
{
    private static readonly Product[] s_products =
    [
        Product.Conv([2, 33, 35, 40], 3, 3, 3, new(1, 1)),
        Product.Conv([1, 32, 32, 32], 1, 3, 3, new(1, 1)),
        Product.Conv([1, 40, 26, 67], 8, 3, 3, new(1, 1)) with { WeightType = DType.F16 }, // products fill several panels
        Product.Conv([1, 31, 34, 33], 4, 3, 3, new() { Stride = 1, PadTop = 2, PadLeft = 0, PadBottom = 0, PadRight = 3 }),
        Product.Conv([1, 34, 40, 32], 2, 3, 3, new(1, 0)),
        Product.Conv([1, 1, 1024, 32], 5, 3, 3, new(1, 1)), // windows that hang over above and below
        Product.Conv([1, 90, 400, 32], 3, 3, 3, new(1, 1)), // several runs of rows
        Product.Conv([1, 32, 32, 32], 1, 3, 3, new() { Stride = 1, PadTop = 1100, PadLeft = 1, PadBottom = 1100, PadRight = 1 }), // runs of rows whose windows lie in the padding altogether
        Product.Conv([1, 31, 33, 32], 3, 3, 3, new(1, 1)), // one pixel too small
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
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(6)]
    public void Conv2d_GivesTheSameBits_OnAnyNumberOfThreads_AloneAndInABatch(int number) =>
        (s_products[number].WithEverything() with { ShiftRows = 1 }).CheckThreadsAndBatch(threads => new CpuOps(new CpuOptions { Threads = threads }));

    [Theory]
    [InlineData(32, 32, 32, 8, 3, true)]
    [InlineData(31, 33, 32, 8, 3, false)] // too few pixels
    [InlineData(32, 32, 31, 8, 3, false)] // too few channels
    [InlineData(32, 32, 32, 9, 3, false)] // too many results
    [InlineData(32, 32, 32, 8, 1, false)] // another window
    public void Suits_LargeMapsAndFewResults(int height, int width, int channels, int columns, int window, bool suits)
    {
        Shape x = [1, height, width, channels], weight = [columns, channels, window, window];
        Assert.Equal(suits, NarrowConv.Suits(x, weight, new ConvGeometry(1, window / 2)));
        Assert.False(NarrowConv.Suits(x, weight, new ConvGeometry(2, window / 2)));
        Assert.False(NarrowConv.Suits(x, weight, new ConvGeometry(1, window / 2) with { UpsampleHeight = 2 * height, UpsampleWidth = 2 * width }));
    }
}
