using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using CsCheck;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

public sealed class LinearTests
{
    public static TheoryData<string> AllKernels => Kernels.All;

    // Rows, depth, columns: ones, primes, tails of every kernel height and panel width, depths around the step of 512.
    private static readonly (int M, int K, int N)[] s_shapes =
    [
        (1, 1, 1), (1, 7, 1), (13, 1, 5), (2, 3, 2), (14, 32, 32), (15, 33, 33), (17, 511, 16), (29, 513, 17), (41, 1025, 67), (43, 700, 64),
        (141, 64, 40), (283, 70, 97), (3, 1600, 8), (27, 12, 129),
        (2, 1000, 1100), // a weight that is read in two parts
    ];

    [Theory, MemberData(nameof(AllKernels))]
    public void Linear_AgreesWithFloat64_AtAwkwardShapes(string kernel)
    {
        using CpuOps ops = Kernels.Open(kernel);
        foreach ((int m, int k, int n) in s_shapes)
        {
            Product.Linear([m, k], n).Check(ops);
            Product.Linear([1, m, k], n).WithEverything().Check(ops);
        }
    }

    [Theory, MemberData(nameof(AllKernels))]
    public void Linear_AgreesWithFloat64_UnderEveryEpilogue(string kernel)
    {
        using CpuOps ops = Kernels.Open(kernel);
        foreach (int columns in new[] { 26, 128 }) // gates in the same tile as values at 128, in a second pass at 26
        {
            foreach (Activation activation in Enum.GetValues<Activation>())
            {
                for (int bits = 0; bits < 48; bits++)
                {
                    Product product = Product.Linear([3, 5, 19], columns) with
                    {
                        Activation = activation,
                        Bias = (bits & 1) != 0,
                        Residual = (bits & 2) != 0,
                        Scale = (bits & 4) != 0 ? 0.7f : 0,
                        ResidualScale = (bits & 8) != 0 ? -1.3f : 0,
                        ShiftRows = (bits / 16) switch { 0 => 0, 1 => 1, _ => 3 },
                    };
                    product.Check(ops);
                }
            }
        }
    }

    [Theory, MemberData(nameof(AllKernels))]
    public void Linear_AgreesWithFloat64_AtEveryHeight(string kernel)
    {
        using CpuOps ops = Kernels.Open(kernel);
        for (int rows = 1; rows <= 44; rows++)
        {
            Product product = Product.Linear([rows, 24], 48); // whole panels: of two vectors, and of one
            product.Check(ops);
            (product with { Bias = true, Residual = true, ResidualScale = -1.3f }).Check(ops);
        }
    }

    [Theory, MemberData(nameof(AllKernels))]
    public void Linear_AgreesWithFloat64_AtRandomShapes(string kernel)
    {
        using CpuOps ops = Kernels.Open(kernel);
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 60], Gen.Int[1, 700], Gen.Int[1, 70], Gen.Int[0, 5])
            .Sample(
                (batch, rows, depth, columns, activation) =>
                    Product.Linear([batch, rows, depth], activation == 5 ? 2 * columns : columns).WithEverything((Activation)activation).Check(ops),
                iter: 40, threads: 1);
    }

    [Theory, MemberData(nameof(AllKernels))]
    public void Linear_GivesTheSameBits_OnAnyNumberOfThreads(string kernel)
    {
        foreach ((int m, int k, int n) in new[] { (300, 70, 97), (300, 64, 96), (29, 1300, 200), (1, 600, 513) })
        {
            Product product = n == 96 ? Product.Linear([m, k], n) with { Bias = true, Residual = true } : Product.Linear([m, k], n).WithEverything();
            product.CheckThreads(threads => Kernels.Open(kernel, threads));
        }
    }

    [Theory, MemberData(nameof(AllKernels))]
    public void Linear_GivesARowTheSameBits_WhateverItsNeighbours(string kernel)
    {
        SameBits(kernel, depth: 700, columns: 35);
        SameBits(kernel, depth: 64, columns: 32);
    }

    private static void SameBits(string kernel, int depth, int columns)
    {
        const int Rows = 45;
        using CpuOps ops = Kernels.Open(kernel);
        using TensorScope scope = ops.Scope();
        using Weight weight = ops.LoadWeight(new Draw(2).Weight("w", [columns, depth]), WeightRole.Linear);
        Tensor x = ops.Upload(new Draw(1).Normal([Rows, depth]), [Rows, depth]);
        float[] all = Download(ops, ops.Linear(x, weight, default));
        for (int row = 0; row < Rows; row++)
            Assert.Equal(all.AsSpan(row * columns, columns).ToArray(), Download(ops, ops.Linear(x.Slice(row, 1), weight, default)));
    }

    [Fact]
    public void Linear_TakesAnEmptyBatch()
    {
        using CpuOps ops = new();
        using TensorScope scope = ops.Scope();
        using Weight weight = ops.LoadWeight(new Draw(2).Weight("w", [5, 3]), WeightRole.Linear);
        Tensor x = ops.Upload(ReadOnlySpan<float>.Empty, [0, 7, 3]);
        Assert.Equal<Shape>([0, 7, 5], ops.Linear(x, weight, default).Shape);
        Assert.Equal<Shape>([0, 7, 5], ops.Linear(x, weight, new Epilogue { ChannelShift = ops.Upload(ReadOnlySpan<float>.Empty, [0, 5]) }).Shape);
    }

    [Fact]
    public void LinearWeightGradient_OfNoRows_IsZero()
    {
        using CpuOps ops = new();
        using (TensorScope before = ops.Scope())
            ops.Upload(new Draw(1).Normal([16, 32]), [16, 32]); // leaves memory that is not zero
        using TensorScope scope = ops.Scope();
        Tensor gradient = ops.LinearWeightGradient(ops.Upload(ReadOnlySpan<float>.Empty, [0, 32]), ops.Upload(ReadOnlySpan<float>.Empty, [0, 16]));
        Assert.All(Download(ops, gradient), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Linear_NamesBothSides_WhenTheyDoNotFit()
    {
        using CpuOps ops = new(), other = new();
        using TensorScope scope = ops.Scope(), otherScope = other.Scope();
        using Weight weight = ops.LoadWeight(new Draw(2).Weight("proj.weight", [5, 3]), WeightRole.Linear);
        using Weight foreign = other.LoadWeight(new Draw(2).Weight("proj.weight", [5, 3]), WeightRole.Linear);
        Tensor x = ops.Upload(new float[12], [4, 3]);
        Assert.Contains("x is [3, 4], proj.weight is [5, 3]", Assert.Throws<ShapeException>(() => ops.Linear(x.Reshape([3, 4]), weight, default)).Message, StringComparison.Ordinal);
        Assert.Contains("another backend", Assert.Throws<ShapeException>(() => ops.Linear(x, foreign, default)).Message, StringComparison.Ordinal);
        Tensor elsewhere = other.Upload(new float[12], [4, 3]);
        Assert.Contains("another cpu instance", Assert.Throws<ShapeException>(() => ops.Linear(elsewhere, weight, default)).Message, StringComparison.Ordinal);
        Tensor indices = ops.Upload(new int[12], [4, 3]);
        Assert.Contains("I32 [4, 3]", Assert.Throws<ShapeException>(() => ops.Linear(indices, weight, default)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Linear_RefusesADisposedWeight()
    {
        using CpuOps ops = new();
        using TensorScope scope = ops.Scope();
        Weight weight = ops.LoadWeight(new Draw(2).Weight("w", [5, 3]), WeightRole.Linear);
        Tensor x = ops.Upload(new float[12], [4, 3]);
        weight.Dispose();
        weight.Dispose();
        Assert.Throws<ObjectDisposedException>(() => ops.Linear(x, weight, default));
        Assert.Equal(0, ops.MemoryStatistics.WeightBytes);
    }

    private static float[] Download(CpuOps ops, Tensor tensor)
    {
        float[] values = new float[tensor.Shape.Count];
        ops.Download(tensor, values);
        return values;
    }
}
