using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using CsCheck;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

public sealed class Conv2dTests
{
    public static TheoryData<string> AllKernels => Kernels.All;

    private static readonly Product[] s_products =
    [
        Product.Conv([2, 7, 5, 11], 13, 3, 3, new(1, 1)),
        Product.Conv([1, 1, 1, 1], 1, 1, 1, new(1, 0)),
        Product.Conv([1, 1, 1, 3], 2, 3, 3, new(1, 1)), // all but the middle tap in the padding
        Product.Conv([2, 9, 8, 60], 33, 3, 3, new(1, 1)), // depth 540: a step ends within a run
        Product.Conv([1, 9, 8, 5], 7, 3, 3, new(2, 1)),
        Product.Conv([2, 8, 6, 5], 7, 3, 3, new() { Stride = 2, PadBottom = 1, PadRight = 1 }), // diffusers' VAE downsampling
        Product.Conv([1, 5, 6, 3], 4, 2, 3, new() { Stride = 1, PadTop = 2, PadLeft = 0, PadBottom = 0, PadRight = 3 }),
        Product.Conv([1, 48, 32, 1], 24, 16, 16, new(16, 0)), // BEATs' patches
        Product.Conv([2, 6, 7, 4], 40, 3, 3, new(1, 1)), // a first convolution
        Product.Conv([2, 6, 7, 40], 4, 3, 3, new(1, 1)), // a last one
        Product.Conv([1, 6, 7, 40], 3, 3, 3, new(1, 1)),
        Product.Conv([2, 9, 29, 16], 5, 3, 3, new(1, 1)), // few channels: windows read in place, rows of 16, 8, 4 and 1 pixels, a last part of one row
        Product.Conv([1, 6, 13, 32], 49, 3, 3, new(1, 1)),
        Product.Conv([1, 4, 8, 64], 37, 3, 3, new(1, 1)),
        Product.Conv([2, 4, 5, 6], 9, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 8, UpsampleWidth = 10 }),
        Product.Conv([1, 4, 5, 6], 9, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 7, UpsampleWidth = 9 }), // to odd sizes
        Product.Conv([1, 4, 5, 6], 9, 1, 1, new ConvGeometry(1, 0) with { UpsampleHeight = 11, UpsampleWidth = 13 }),
        Product.Conv([2, 5, 6, 7], 9, 3, 3, new(1, 1), skipChannels: 4),
        Product.Conv([2, 5, 6, 300], 9, 1, 1, new(1, 0), skipChannels: 301),
        Product.Conv([1, 3, 4, 6], 9, 3, 3, new ConvGeometry(2, 1) with { UpsampleHeight = 7, UpsampleWidth = 9 }, skipChannels: 5),
        Product.Conv([2, 5, 6, 7], 9, 1, 1, new(1, 0)),
        Product.Conv([2, 5, 6, 7], 9, 1, 1, new(2, 0)), // a 1x1 window that skips pixels is no plain matrix
        Product.Conv([2, 5, 6, 7], 9, 1, 1, new(1, 1)),
        Product.Conv([1, 3, 3, 2], 5, 5, 5, new(1, 4)), // windows that lie in the padding altogether
    ];

    [Theory, MemberData(nameof(AllKernels))]
    public void Conv2d_AgreesWithFloat64(string kernel)
    {
        using CpuOps ops = Kernels.Open(kernel);
        foreach (Product product in s_products)
        {
            product.Check(ops);
            product.WithEverything().Check(ops);
        }
    }

    [Theory, MemberData(nameof(AllKernels))]
    public void Conv2d_AgreesWithFloat64_AtRandomGeometry(string kernel)
    {
        using CpuOps ops = Kernels.Open(kernel);
        Gen<int> pad = Gen.Int[0, 2];
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 9], Gen.Int[1, 30], Gen.Int[1, 40], Gen.Int[0, 9])
            .Select(
                Gen.Select(Gen.Int[1, 4], Gen.Int[1, 4], Gen.Int[1, 3], Gen.Bool),
                Gen.Select(pad, pad, pad, pad))
            .Where(drawn => drawn.Item1.Item1 + drawn.Item3.Item1 >= drawn.Item2.Item1 && drawn.Item1.Item2 + drawn.Item3.Item2 >= drawn.Item2.Item2)
            .Sample(
                drawn =>
                {
                    (int height, int width, int channels, int columns, int skip) = drawn.Item1;
                    (int kernelHeight, int kernelWidth, int stride, bool enlarge) = drawn.Item2;
                    (int top, int left, int bottom, int right) = drawn.Item3;
                    ConvGeometry geometry = new()
                    {
                        Stride = stride, PadTop = top, PadLeft = left, PadBottom = bottom, PadRight = right,
                        UpsampleHeight = enlarge ? 2 * height - (height > 1 ? top % 2 : 0) : 0,
                        UpsampleWidth = enlarge ? 2 * width + left : 0,
                    };
                    Product.Conv([2, height, width, channels], columns, kernelHeight, kernelWidth, geometry, skip).WithEverything().Check(ops);
                },
                iter: 60, threads: 1);
    }

    [Theory, MemberData(nameof(AllKernels))]
    public void Conv2d_GivesTheSameBits_OnAnyNumberOfThreads(string kernel) =>
        Product.Conv([2, 13, 11, 70], 130, 3, 3, new(1, 1), skipChannels: 9).WithEverything().CheckThreads(threads => Kernels.Open(kernel, threads));

    [Theory, MemberData(nameof(AllKernels))]
    public void GroupedConv1d_AgreesWithFloat64(string kernel)
    {
        using CpuOps ops = Kernels.Open(kernel);
        Product[] products =
        [
            Product.Grouped([1, 1, 1], 1, 1, 0),
            Product.Grouped([2, 13, 12], 4, 5, 2),
            Product.Grouped([1, 50, 96], 2, 128, 64), // BEATs: an even number of taps, cut to the length
            Product.Grouped([3, 7, 6], 6, 4, 0),
            Product.Grouped([2, 5, 34], 1, 16, 15),
        ];
        foreach (Product product in products)
        {
            product.Check(ops);
            product.WithEverything(Activation.Gelu).Check(ops);
        }
    }

    [Fact]
    public void Conv2d_NamesBothSides_WhenTheyDoNotFit()
    {
        using CpuOps ops = new();
        using TensorScope scope = ops.Scope();
        using Weight weight = ops.LoadWeight(new Draw(2).Weight("conv.weight", [5, 3, 3, 3]), WeightRole.Conv2d);
        Tensor x = ops.Upload(new float[2 * 16], [1, 4, 4, 2]);
        Assert.Contains("the input has 2 channels, conv.weight [5, 3, 3, 3] wants 3", Assert.Throws<ShapeException>(() => ops.Conv2d(x, weight, new(1, 1), default)).Message, StringComparison.Ordinal);
        Tensor fitting = ops.Upload(new float[3 * 16], [1, 4, 4, 3]);
        Assert.Contains("padding -1", Assert.Throws<ShapeException>(() => ops.Conv2d(fitting, weight, new(1, -1) { PadBottom = 2, PadRight = 2 }, default)).Message, StringComparison.Ordinal);
    }
}
