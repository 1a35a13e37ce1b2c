using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

/// <summary>3x3 convolutions large enough for F(4x4, 3x3), or F(2x2, 3x3) where sums are to be exact.</summary>
public sealed class WinogradTests
{
    private static readonly Product[] s_products =
    [
        Product.Conv([2, 16, 16, 64], 64, 3, 3, new(1, 1)),
        Product.Conv([1, 17, 19, 96], 70, 3, 3, new(1, 1)), // tiles that hang over both edges, half a panel at the end
        Product.Conv([1, 16, 17, 64], 81, 3, 3, new(1, 1), skipChannels: 32),
        Product.Conv([1, 10, 9, 64], 64, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 19, UpsampleWidth = 18 }),
        Product.Conv([1, 32, 32, 64], 64, 3, 3, Twice(32, 32), skipChannels: 16), // in phases
        Product.Conv([1, 33, 35, 64], 65, 3, 3, Twice(33, 35)), // the same with tiles that hang over both edges
        Product.Conv([3, 8, 8, 208], 160, 3, 3, new(1, 1)), // several parts of the channels, the last one smaller
        Product.Conv([1, 48, 47, 112], 64, 3, 3, new(1, 1), skipChannels: 208), // several blocks of tiles, a part of both sources
        Product.Conv([2, 17, 19, 32], 48, 3, 3, new(1, 1)), // few channels, a panel and a half
        Product.Conv([1, 10, 9, 16], 32, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 19, UpsampleWidth = 18 }),
    ];

    public static TheoryData<string, int> AllCases
    {
        get
        {
            TheoryData<string, int> rows = new();
            foreach (string kernel in Enum.GetNames<GemmKernel>().Where(name => name != nameof(GemmKernel.Best)))
            {
                // The reference needs seconds for the large ones, where narrow kernels have nothing of their own.
                for (int i = 0; i < (kernel == nameof(GemmKernel.Vector512) ? s_products.Length : 5); i++)
                    rows.Add(kernel, i);
            }

            return rows;
        }
    }

    [Theory, MemberData(nameof(AllCases))]
    public void Conv2d_AgreesWithFloat64(string kernel, int number)
    {
        using CpuOps ops = Kernels.Open(kernel), exact = Kernels.Open(kernel, exact: true);
        Product product = s_products[number];
        using ReferenceOps reference = new();
        foreach (Product one in new[] { product, product.WithEverything(Activation.None) })
        {
            float[] expected = Array.ConvertAll(one.Expected(reference), value => (float)value);
            TensorAssert.MaxAbs(expected, one.Run(ops), Bound(product), one.ToString());
            TensorAssert.MaxAbs(expected, one.Run(exact), ExactBound(product), $"{one}, exact");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // in phases
    public void Conv2d_InRunsOfTiles_AgreesWithExactSums(bool enlarged)
    {
        Product product = enlarged ? Product.Conv([2, 32, 33, 1280], 144, 3, 3, Twice(32, 33)) : Product.Conv([1, 48, 47, 1280], 144, 3, 3, new(1, 1));
        product = product.WithEverything(Activation.None);
        using CpuOps ops = new(new CpuOptions { Threads = 2 }), exact = new(new CpuOptions { Threads = 2, Exact = true });
        TensorAssert.MaxAbs(product.Run(exact), product.Run(ops), Bound(product) + ExactBound(product), product.ToString());
    }

    // What --exact promises. Operands of one size, and with channels a hundred times as large as the others.
    [Theory]
    [InlineData(64, false)]
    [InlineData(320, false)]
    [InlineData(320, true)]
    public void Conv2d_WithExactSums_ErrsLessThanPlainSums(int channels, bool uneven)
    {
        ConvGeometry geometry = new(1, 1);
        Shape input = [1, 24, 24, channels], weight = [64, channels, 3, 3];
        Draw draw = new(13);
        float[] x = draw.Normal(input);
        for (int i = 0; uneven && i < x.Length; i += 40)
            x[i] *= 100;
        ArrayWeightSource source = new("w", weight, draw.Normal(weight));
        using ReferenceOps reference = new();
        using CpuOps exact = new(new CpuOptions { Threads = 2, Exact = true });
        double[] expected = reference.Download(Conv(reference, geometry));
        float[] found = exact.Values(Conv(exact, geometry)), plain = exact.Values(Conv(exact, geometry with { PadBottom = 2 })); // one row more is none of Winograd's forms
        Assert.InRange(Error(found), 0.1 * Error(plain), Error(plain));

        double Error(float[] values) => Math.Sqrt(expected.Zip(values, (wanted, value) => (wanted - value) * (wanted - value)).Average());

        Tensor Conv(ITensorOps ops, ConvGeometry how)
        {
            using Weight own = ops.LoadWeight(source, WeightRole.Conv2d);
            return ops.Conv2d(ops.Upload(x, input), own, how, default);
        }
    }

    // The same convolution with the weight turned round: tiles that hang over both edges, half a panel at the end; and of few channels, several parts of tiles of
    // two samples.
    [Theory]
    [InlineData(nameof(GemmKernel.Vector512), 96, 70)]
    [InlineData(nameof(GemmKernel.Vector512), 16, 48)]
    [InlineData(nameof(GemmKernel.Vector512), 32, 16)]
    [InlineData(nameof(GemmKernel.Vector512), 64, 32)]
    [InlineData(nameof(GemmKernel.Vector256), 32, 24)]
    [InlineData(nameof(GemmKernel.Vector128), 16, 20)]
    public void Conv2dInputGradient_AgreesWithExactSums(string kernel, int outputs, int channels)
    {
        using CpuOps ops = Kernels.Open(kernel), one = new(new CpuOptions { Threads = 1 }), three = new(new CpuOptions { Threads = 3 });
        using CpuOps exact = new(new CpuOptions { Threads = 2, Exact = true });
        float[] found = Gradient(ops), expected = Gradient(exact);
        Product transposed = Product.Conv([2, 17, 19, outputs], channels, 3, 3, new(1, 1));
        Assert.NotEqual(expected, found);
        TensorAssert.MaxAbs(expected, found, Bound(transposed) + ExactBound(transposed), "input gradient");
        float[] single = Gradient(one, samples: 1), both = Gradient(three);
        Assert.Equal(single, both[..single.Length]);

        float[] Gradient(CpuOps ops, int samples = 2)
        {
            double most = Math.Sqrt(3); // of variance 1
            Draw draw = new(11);
            Shape shape = [samples, 17, 19, outputs];
            using Weight weight = ops.LoadWeight(
                new ArrayWeightSource("w", [outputs, channels, 3, 3], draw.Uniform([outputs, channels, 3, 3], -most, most)), WeightRole.Conv2d);
            return ops.Values(ops.Conv2dInputGradient(ops.Upload(draw.Uniform(shape, -most, most), shape), weight, new(1, 1), 17, 19));
        }
    }

    // The transposed form. A tap's variance is at most 23.9 times that of a plain sum over the tiles a dimension (sum over i of G_ik^2 |B_i|^2 |A_i|^2).
    [Theory]
    [InlineData(nameof(GemmKernel.Vector512), 17, 19, 0, 64, 48, 80)] // tiles that hang over both edges, several runs of them
    [InlineData(nameof(GemmKernel.Vector256), 17, 19, 0, 64, 48, 80)]
    [InlineData(nameof(GemmKernel.Vector128), 17, 19, 0, 64, 48, 80)]
    [InlineData(nameof(GemmKernel.Vector512), 10, 9, 19, 64, 48, 80)] // enlarged
    [InlineData(nameof(GemmKernel.Vector512), 17, 19, 0, 32, 16, 32)] // few channels: several groups of tiles
    [InlineData(nameof(GemmKernel.Vector256), 17, 19, 0, 16, 8, 24)]
    [InlineData(nameof(GemmKernel.Vector128), 17, 19, 0, 16, 4, 20)]
    [InlineData(nameof(GemmKernel.Vector512), 10, 9, 19, 16, 16, 48)]
    public void Conv2dWeightGradient_AgreesWithExactSums(string kernel, int height, int width, int enlarged, int channels, int skipChannels, int outputs)
    {
        (int tall, int wide) = enlarged > 0 ? (enlarged, enlarged) : (height, width);
        ConvGeometry geometry = new ConvGeometry(1, 1) with { UpsampleHeight = enlarged, UpsampleWidth = enlarged };
        using CpuOps ops = Kernels.Open(kernel), one = new(new CpuOptions { Threads = 1 }), three = new(new CpuOptions { Threads = 3 });
        using CpuOps exact = new(new CpuOptions { Threads = 2, Exact = true });
        float[] found = Gradient(ops), expected = Gradient(exact);
        Assert.NotEqual(expected, found);
        int tiles = 3 * ((tall + 3) / 4) * ((wide + 3) / 4);
        double bound = 23.9 * (Tolerance.Sum(tiles, 1) + (6 * Tolerance.Roundoff * 4 * Math.Sqrt(tiles))) + Tolerance.Sum(3 * tall * wide, 1);
        TensorAssert.MaxAbs(expected, found, bound, "weight gradient");
        Assert.Equal(Gradient(one), Gradient(three));

        float[] Gradient(CpuOps ops)
        {
            double most = Math.Sqrt(3); // of variance 1
            Draw draw = new(12);
            Shape first = [3, height, width, channels], second = [3, height, width, skipChannels], slopes = [3, tall, wide, outputs];
            Shape shape = [outputs, channels + skipChannels, 3, 3];
            using Weight weight = ops.LoadWeight(new ArrayWeightSource("w", shape, new float[shape.Count]), WeightRole.Conv2d);
            return ops.Values(ops.Conv2dWeightGradient(
                ops.Upload(draw.Uniform(first, -most, most), first), ops.Upload(draw.Uniform(slopes, -most, most), slopes), weight, geometry,
                ops.Upload(draw.Uniform(second, -most, most), second)));
        }
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(4, false)] // in phases
    [InlineData(8, false)] // few channels
    public void Conv2d_GivesTheSameBits_OnAnyNumberOfThreads_AloneAndInABatch(int number, bool exact) =>
        (s_products[number].WithEverything() with { ShiftRows = 1 }).CheckThreadsAndBatch(threads => new CpuOps(new CpuOptions { Threads = threads, Exact = exact }));

    [Theory]
    [InlineData(16, 16, 32, 32, true)]
    [InlineData(15, 17, 30, 34, false)] // a pixel too small
    [InlineData(16, 16, 32, 31, false)]
    public void SuitsDoubled_OnlyLargeMaps(int height, int width, int tall, int wide, bool suits) => Assert.Equal(
        suits, WinogradJob.SuitsDoubled([1, height, width, 64], [64, 64, 3, 3], new ConvGeometry(1, 1) with { UpsampleHeight = tall, UpsampleWidth = wide }));

    private static ConvGeometry Twice(int height, int width) => new ConvGeometry(1, 1) with { UpsampleHeight = 2 * height, UpsampleWidth = 2 * width };

    // Six deviations of the error, operands of variance 1. A point's sum of C products errs like a plain sum of C; through the transforms the variances of
    // the points' errors add with weights of at most 21.4 a dimension (sum over i of A_yi^2 |B_i|^2 |G_i|^2), so that the deviation is 21.4 times that of
    // a plain sum of C. In phases it is 17.0 at most, with taps of variances 1 and 2. Transforming rounds each of both operands about four times a dimension, half a unit each.
    private static double Bound(Product product) => Transformed(IsDoubled(product) ? 17.0 : 21.4, product.Weight[1]);

    // The same of F(2x2, 3x3): 5 a dimension. A doubled map takes plain sums of four taps a channel.
    private static double ExactBound(Product product) => IsDoubled(product) ? Tolerance.Sum(9 * product.Weight[1], 1) : Transformed(5, product.Weight[1]);

    private static bool IsDoubled(Product product) =>
        product.Geometry.UpsampleHeight == 2 * product.Input[1] && product.Geometry.UpsampleWidth == 2 * product.Input[2];

    private static double Transformed(double factor, int channels) => factor * (Tolerance.Sum(channels, 1) + (6 * Tolerance.Roundoff * 4 * Math.Sqrt(channels)));
}
