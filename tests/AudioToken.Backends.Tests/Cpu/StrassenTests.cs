using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

/// <summary>Products large enough for Strassen's way.</summary>
public sealed class StrassenTests
{
    private static readonly Product[] s_products =
    [
        Product.Linear([1, 194, 512], 640), // heights of every kind
        Product.Linear([2, 192, 1120], 640), // two steps of depth, of different halves
        Product.Linear([1, 516, 512], 704), // several blocks of rows
        Product.Linear([3, 192, 544], 640) with { WeightType = DType.F16 },
        Product.Linear([1, 192, 2080], 640) with { WeightType = DType.BF16 }, // three steps
        Product.Linear([1, 192, 512], 896) with { Activation = Activation.Geglu },
    ];

    public static TheoryData<string, int> AllCases
    {
        get
        {
            TheoryData<string, int> rows = new();
            foreach (string kernel in Enum.GetNames<GemmKernel>().Where(name => name != nameof(GemmKernel.Best)))
            {
                // The reference needs seconds for the large ones, where narrow kernels have nothing of their own.
                for (int i = 0; i < (kernel == nameof(GemmKernel.Vector512) ? s_products.Length : 2); i++)
                    rows.Add(kernel, i);
            }

            return rows;
        }
    }

    [Theory, MemberData(nameof(AllCases))]
    public void Linear_AgreesWithFloat64(string kernel, int number)
    {
        using CpuOps ops = Kernels.Open(kernel), exact = Kernels.Open(kernel, exact: true);
        Product product = s_products[number];
        product.Check(ops);
        product.WithEverything(product.Activation == Activation.Geglu ? Activation.Geglu : Activation.Silu).Check(ops);
        Assert.NotEqual(product.Run(exact), product.Run(ops));
        if (product.Activation == Activation.Geglu)
            return;
        Product added = product with { Bias = true, Residual = true, ResidualScale = -1.3f };
        added.Check(ops);

        // Six deviations of the error, operands of variance 1: the root of three times that of plain sums; forming rounds each of both operands once, adding up rounds
        // sums of variances up to 6K three times.
        using ReferenceOps reference = new();
        int depth = product.Weight[1];
        double bound = Math.Sqrt(3) * Tolerance.Sum(depth, 1) + 6 * Tolerance.Roundoff * (2 + 3) * Math.Sqrt(6 * depth);
        TensorAssert.MaxAbs(Array.ConvertAll(product.Expected(reference), value => (float)value), product.Run(ops), bound, product.ToString());
    }

    // The right upper and left lower quarter are sums of two products with operands of variances 1 and 2, the other two of four, with 2 and 2 or 1 and 2.
    [Fact]
    public void Linear_ErrsAtMostLikeTheRootOfThreeOfPlainSums()
    {
        Product product = Product.Linear([1, 256, 512], 640);
        using ReferenceOps reference = new();
        using CpuOps ops = new(new CpuOptions { Threads = 2 }), exact = new(new CpuOptions { Threads = 2, Exact = true });
        double[] expected = product.Expected(reference);
        float[] found = product.Run(ops), plain = product.Run(exact);
        int panel = 2 * GemmEngine.Best().VectorWidth;
        foreach (bool crossed in new[] { false, true })
        {
            double ratio = Error(found, crossed) / Error(plain, crossed);
            Assert.InRange(ratio, crossed ? 0.9 : 1.5, crossed ? 1.15 : Math.Sqrt(3) * 1.05);
        }

        double Error(float[] values, bool crossed) => Math.Sqrt(Enumerable.Range(0, values.Length)
            .Where(i => ((i / 640 % 2) != (i % 640 / panel % 2)) == crossed)
            .Average(i => (values[i] - expected[i]) * (values[i] - expected[i])));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Linear_GivesTheSameBits_OnAnyNumberOfThreads_AloneAndInABatch(int number) =>
        (s_products[number] with { Bias = true }).CheckThreadsAndBatch(threads => new CpuOps(new CpuOptions { Threads = threads }));

    // Products of one input share its operands; one of them takes plain sums.
    [Fact]
    public void Project_GivesTheBitsOfEachProductAlone()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using TensorScope scope = ops.Scope();
        Draw draw = new(3);
        Tensor x = ops.Normal(draw, [2, 250, 512]);
        Weight[] weights = [.. new[] { 640, 96, 704 }.Select(columns => ops.Weight(draw, WeightRole.Linear, [columns, 512]))];
        Tensor[] together = new Tensor[3];
        ops.Project(x, [.. weights.Select(weight => new Projection(weight, null))], together);
        foreach ((Weight weight, Tensor found) in weights.Zip(together))
        {
            Assert.Equal(ops.Values(ops.Linear(x, weight, default)), ops.Values(found));
            weight.Dispose();
        }
    }

    [Theory]
    [InlineData(192, 512, 640, true)]
    [InlineData(190, 512, 640, false)] // too few rows
    [InlineData(193, 512, 640, false)] // the last row would be paired with the next sample's first
    [InlineData(192, 480, 640, false)] // too short sums
    [InlineData(192, 528, 640, false)] // halves that are no whole vectors
    [InlineData(192, 512, 576, false)] // too few columns
    [InlineData(192, 512, 672, false)] // an odd number of panels
    public void Suits_PairsOfRowsHalvesAndPanels(int rows, int depth, int columns, bool suits) =>
        Assert.Equal(suits, StrassenJob.Suits(new GemmProblem { Packed = new PackedShape(1, columns, depth, VectorWidth: 16) }, rows));
}
