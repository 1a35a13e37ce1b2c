using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

/// <summary>Grouped convolutions of so many taps and positions that they take the odd Fourier transform.</summary>
public sealed class PartitionedConv1dTests
{
    private static readonly Product[] s_products =
    [
        Product.Grouped([2, 64, 32], 2, 32, 16),
        Product.Grouped([1, 97, 96], 2, 128, 64), // an even number of taps, cut to the length; a last block of one position
        Product.Grouped([1, 70, 144], 1, 48, 0), // several parts of the channels, half a panel at the end
        Product.Grouped([1, 531, 16], 1, 32, 31), // two runs of blocks
    ];

    public static TheoryData<string, int> AllCases
    {
        get
        {
            TheoryData<string, int> rows = new();
            foreach (string kernel in Enum.GetNames<GemmKernel>().Where(name => name != nameof(GemmKernel.Best)))
            {
                for (int i = 0; i < s_products.Length; i++)
                    rows.Add(kernel, i);
            }

            return rows;
        }
    }

    [Theory, MemberData(nameof(AllCases))]
    public void GroupedConv1d_AgreesWithFloat64(string kernel, int number)
    {
        using CpuOps ops = Kernels.Open(kernel);
        using ReferenceOps reference = new();
        Product product = s_products[number];
        foreach (Product one in new[] { product, product.WithEverything(Activation.Gelu) })
        {
            float[] expected = Array.ConvertAll(one.Expected(reference), value => (float)value);
            TensorAssert.MaxAbs(expected, one.Run(ops), Bound(product.Weight), one.ToString());
        }
    }

    // What --exact promises. Operands of one size, and with channels a hundred times as large as the others.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GroupedConv1d_ErrsLessThanPlainSums(bool uneven)
    {
        Shape input = [1, 200, 96], weight = [96, 48, 128];
        Draw draw = new(13);
        float[] x = draw.Normal(input), w = draw.Normal(weight);
        for (int i = 0; uneven && i < x.Length; i += 40)
            x[i] *= 100;
        using ReferenceOps reference = new();
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        double[] expected = reference.Download(Conv(reference, weight, w));
        float[] found = ops.Values(Conv(ops, weight, w)), plain = ops.Values(Conv(ops, [96, 48, 129], WithZeroTap(w, 128)));
        Assert.InRange(Error(found), 0.1 * Error(plain), Error(plain));

        double Error(float[] values) => Math.Sqrt(expected.Zip(values, (wanted, value) => (wanted - value) * (wanted - value)).Average());

        Tensor Conv(ITensorOps ops, Shape shape, float[] values)
        {
            using Weight own = ops.LoadWeight(new ArrayWeightSource("w", shape, values), WeightRole.GroupedConv1d);
            return ops.GroupedConv1d(ops.Upload(x, input), own, 2, 64, default);
        }
    }

    [Fact]
    public void GroupedConv1dInputGradient_AgreesWithPlainSums()
    {
        Shape shape = [2, 100, 64], weight = [64, 32, 48];
        Draw draw = new(14);
        float[] dy = draw.Normal(shape), w = draw.Normal(weight);
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        float[] found = Gradient(weight, w), plain = Gradient([64, 32, 49], WithZeroTap(w, 48));
        Assert.NotEqual(plain, found);
        TensorAssert.MaxAbs(plain, found, Bound(weight) + Tolerance.Sum(32 * 49, 1), "input gradient");

        float[] Gradient(Shape shapeOfWeight, float[] values)
        {
            using Weight own = ops.LoadWeight(new ArrayWeightSource("w", shapeOfWeight, values), WeightRole.GroupedConv1d);
            return ops.Values(ops.GroupedConv1dInputGradient(ops.Upload(dy, shape), own, 2, 24));
        }
    }

    [Fact]
    public void GroupedConv1d_GivesTheSameBits_OnAnyNumberOfThreads_AloneAndInABatch() =>
        (Product.Grouped([1, 531, 64], 4, 32, 16).WithEverything() with { ShiftRows = 1 }).CheckThreadsAndBatch(threads => new CpuOps(new CpuOptions { Threads = threads }));

    [Theory]
    [InlineData(64, 48, 128, true)]
    [InlineData(63, 48, 128, false)]
    [InlineData(64, 40, 128, false)]
    [InlineData(64, 48, 129, false)]
    [InlineData(64, 48, 16, false)]
    public void Suits_WholePartitionsAndVectors_OfManyTaps(int length, int groupChannels, int taps, bool suits) =>
        Assert.Equal(suits, PartitionedConv1d.Suits(length, groupChannels, taps, vectorWidth: 16));

    // The same filter with one tap more, with which it is no whole number of partitions.
    private static float[] WithZeroTap(float[] filters, int taps)
    {
        float[] longer = new float[filters.Length / taps * (taps + 1)];
        for (int i = 0; i < filters.Length; i++)
            longer[i / taps * (taps + 1) + i % taps] = filters[i];
        return longer;
    }

    // Six deviations of the error, operands of variance 1. The three real products of a point have operands of variances 32 and 8, or 16 and 16, so each sum errs like
    // a plain sum of n = partitions times channels terms of size 16; a part of a complex value has two of them, and an output is the mean of 16 such parts, whose deviation is
    // sqrt(32) times that of a plain sum of n terms of size 1. Each of the three transforms rounds a value about seven times, half a unit each, and the products double the variance.
    private static double Bound(Shape weight)
    {
        int terms = weight[1] * weight[2];
        return (Math.Sqrt(32) * Tolerance.Sum(terms / OddDft.Taps, 1)) + (6 * Tolerance.Roundoff * Math.Sqrt(2 * 3 * 7 * terms));
    }
}
