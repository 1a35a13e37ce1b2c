using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

/// <summary>Weights that rest in the half type of their file.</summary>
public sealed class HalfWeightTests
{
    private static readonly Product[] s_products =
    [
        Product.Linear([1, 1300], 33), // one row, several steps of K
        Product.Linear([29, 513], 17).WithEverything(Activation.Gelu),
        Product.Linear([2, 300, 40], 136).WithEverything(), // widened once for all blocks of rows
        Product.Linear([3, 5, 19], 26).WithEverything(Activation.Geglu),
        Product.Linear([2, 70, 48], 256).WithEverything(Activation.Geglu),
        Product.Conv([1, 9, 8, 8], 19, 3, 3, new(2, 1)),
        Product.Conv([2, 5, 6, 30], 9, 1, 1, new(1, 0), skipChannels: 31),
        Product.Conv([1, 4, 5, 70], 19, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 8, UpsampleWidth = 10 }), // sums of taps
        Product.Conv([1, 32, 32, 64], 70, 3, 3, new ConvGeometry(1, 1) with { UpsampleHeight = 64, UpsampleWidth = 64 }), // the same in Winograd's phases
        Product.Conv([1, 17, 19, 96], 70, 3, 3, new(1, 1)), // Winograd
        Product.Conv([1, 16, 17, 64], 81, 3, 3, new(1, 1), skipChannels: 32).WithEverything(),
    ];

    public static TheoryData<string, DType> KernelsAndTypes => [.. from kernel in Kernels.All from type in new[] { DType.F16, DType.BF16 } select (kernel.Data, type)];

    [Theory, MemberData(nameof(KernelsAndTypes))]
    public void AProduct_HasTheBitsOfTheSameWeightInFp32(string kernel, DType type)
    {
        using CpuOps ops = Kernels.Open(kernel);
        foreach (Product product in s_products)
        {
            Product half = product with { WeightType = type };
            Assert.Equal(half.Run(new Fp32Weights(ops)), half.Run(ops));
        }

        using CpuOps exact = new(new CpuOptions { Threads = 2, Exact = true, Kernel = Enum.Parse<GemmKernel>(kernel) });
        Product conv = s_products[^1] with { WeightType = type };
        Assert.Equal(conv.Run(new Fp32Weights(exact)), conv.Run(exact));
    }

    [Theory, MemberData(nameof(KernelsAndTypes))]
    public void AnInputGradient_HasTheBitsOfTheSameWeightInFp32(string kernel, DType type)
    {
        using CpuOps ops = Kernels.Open(kernel);
        using TensorScope scope = ops.Scope();
        Tensor Gradient(ITensorOps loading, WeightRole role, Shape shape, Shape dy)
        {
            using Weight weight = loading.LoadWeight(HalfWeightSource.Rounded("w", shape, type, new Draw(2).Normal(shape)), role);
            Tensor upstream = ops.Upload(new Draw(1).Normal(dy), dy);
            return role == WeightRole.Linear ? ops.LinearInputGradient(upstream, weight) : ops.Conv2dInputGradient(upstream, weight, new ConvGeometry(1, 1), dy[1], dy[2]);
        }

        foreach ((WeightRole role, Shape shape, Shape dy) in new (WeightRole, Shape, Shape)[] { (WeightRole.Linear, [37, 70], [5, 37]), (WeightRole.Conv2d, [37, 35, 3, 3], [1, 4, 5, 37]) })
            Assert.Equal(ops.Values(Gradient(new Fp32Weights(ops), role, shape, dy)), ops.Values(Gradient(ops, role, shape, dy)));
    }

    [Theory, MemberData(nameof(KernelsAndTypes))]
    public unsafe void Widening_IsExact_ForEveryFiniteValue(string kernel, DType type)
    {
        ushort[] all = [.. Enumerable.Range(0, 1 << 16).Select(bits => (ushort)bits).Where(bits => float.IsFinite(Value(bits, type)))];
        float[] expected = Array.ConvertAll(all, bits => Value(bits, type)), widened = new float[all.Length];
        ushort[] narrow = new ushort[all.Length];
        fixed (ushort* from = all)
        {
            fixed (float* to = widened)
                GemmEngine.For(Enum.Parse<GemmKernel>(kernel)).Widen(new RestingValues(from, type), all.Length, to);
        }

        Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), widened.Select(BitConverter.SingleToUInt32Bits));
        for (int start = 0; start < all.Length; start += 1001)
        {
            int count = Math.Min(1001, all.Length - start);
            Assert.True(HalfTypes.TryNarrow(type, widened.AsSpan(start, count), narrow.AsSpan(start, count)));
        }

        Assert.Equal(all, narrow);
    }

    [Theory]
    [InlineData(WeightRole.Linear, DType.F16, 2)]
    [InlineData(WeightRole.Linear, DType.BF16, 2)]
    [InlineData(WeightRole.Conv2d, DType.F16, 2)]
    [InlineData(WeightRole.Linear, DType.F32, 4)]
    [InlineData(WeightRole.Linear, DType.F64, 4)]
    [InlineData(WeightRole.Table, DType.F16, 4)]
    public void OnlyProductsWithHalfSources_RestInTwoBytesAValue(WeightRole role, DType type, int bytes)
    {
        Shape shape = role == WeightRole.Conv2d ? [64, 32, 3, 3] : [64, 288];
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using Weight weight = ops.LoadWeight(new HalfWeightSource("w", shape, type, RoundedOps.Round(new Draw(1).Normal(shape), type == DType.BF16 ? type : DType.F16)), role);
        Assert.Equal(shape.Count * bytes, ops.MemoryStatistics.WeightBytes);
    }

    [Theory]
    [InlineData(DType.F16, 1.0001f)]
    [InlineData(DType.BF16, 1.0001f)]
    [InlineData(DType.F16, 70000f)]
    [InlineData(DType.F16, float.PositiveInfinity)]
    [InlineData(DType.BF16, float.NaN)]
    public void AValueThatTheTypeCannotHold_KeepsTheWeightInFp32(DType type, float value)
    {
        float[] values = new float[64 * 300];
        values[^1] = value;
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using TensorScope scope = ops.Scope();
        using Weight weight = ops.LoadWeight(new HalfWeightSource("w", [64, 300], type, values), WeightRole.Linear);
        Assert.Equal(values.Length * sizeof(float), ops.MemoryStatistics.WeightBytes);
        float[] one = new float[300];
        one[^1] = 1;
        Assert.Equal(value, ops.Values(ops.Linear(ops.Upload(one, [1, 300]), weight, default))[^1]);
    }

    [Fact]
    public void Assign_RefusesAWeightThatRestsInAHalfType()
    {
        using CpuOps ops = new();
        using Weight weight = ops.LoadWeight(new HalfWeightSource("unet.to_q.weight", [2, 3], DType.F16, new float[6]), WeightRole.Linear);
        ShapeException error = Assert.Throws<ShapeException>(() => ops.Assign(weight, new float[6]));
        Assert.Equal("Assign: 'unet.to_q.weight' rests as F16 and takes no new values; load a weight that changes from an F32 source.", error.Message);
    }

    [Fact]
    public void ARepeatedLoop_AllocatesNothing()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using TensorScope outer = ops.Scope();
        using Weight tall = ops.LoadWeight(HalfWeightSource.Rounded("l", [136, 40], DType.F16, new Draw(1).Normal([136, 40])), WeightRole.Linear);
        using Weight conv = ops.LoadWeight(HalfWeightSource.Rounded("c", [64, 64, 3, 3], DType.BF16, new Draw(2).Normal([64, 64, 3, 3])), WeightRole.Conv2d);
        Tensor rows = ops.Upload(new Draw(3).Normal([600, 40]), [600, 40]), map = ops.Upload(new Draw(4).Normal([1, 16, 16, 64]), [1, 16, 16, 64]);
        void Step()
        {
            using TensorScope scope = ops.Scope();
            ops.Linear(rows, tall, default);
            ops.Conv2d(map, conv, new ConvGeometry(1, 1), default);
        }

        for (int i = 0; i < 3; i++)
            Step();
        long native = ops.MemoryStatistics.NativeAllocations;
        Assert.Equal(0, ManagedMemory.AllocatedBy(() =>
        {
            for (int i = 0; i < 20; i++)
                Step();
        }));
        Assert.Equal(native, ops.MemoryStatistics.NativeAllocations);
    }

    private static float Value(ushort bits, DType type) =>
        type == DType.F16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>Loads every weight as F32, of the same values.</summary>
    private sealed class Fp32Weights(ITensorOps inner) : DelegatingOps(inner)
    {
        public override Weight LoadWeight(WeightSource source, WeightRole role) => base.LoadWeight(new ArrayWeightSource(source.Name, source.Shape, source.ReadAll()), role);

        protected override void Before(string operation)
        {
        }
    }
}
