using System.Runtime.InteropServices;
using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

/// <summary>Half weights that are packed as they are stored, without the way through float.</summary>
public sealed class StoredHalvesTests
{
    [Theory]
    [InlineData(WeightRole.Linear, DType.F16, new[] { 1, 1 })]
    [InlineData(WeightRole.Linear, DType.F16, new[] { 37, 21 })]
    [InlineData(WeightRole.Linear, DType.BF16, new[] { 80, 1300 })]
    [InlineData(WeightRole.Conv2d, DType.F16, new[] { 19, 5, 3, 3 })]
    [InlineData(WeightRole.Conv2d, DType.BF16, new[] { 130, 24, 3, 3 })]
    [InlineData(WeightRole.Conv2d, DType.F16, new[] { 41, 16, 1, 1 })]
    [InlineData(WeightRole.Conv2d, DType.F16, new[] { 400, 320, 3, 3 })] // in parts
    public unsafe void APackedWeight_HasTheBitsOfTheSameOneThatCameAsFloats(WeightRole role, DType type, int[] extents)
    {
        Shape shape = new(extents);
        float[] values = RoundedOps.Round(new Draw(3).Normal(shape), type);
        values[0] = -0f;
        values[^1] = MathF.ScaleB(1, -24); // F16's least
        foreach (GemmKernel kernel in Enum.GetValues<GemmKernel>())
        {
            using CpuOps ops = new(new CpuOptions { Threads = 2, Kernel = kernel });
            StoredHalvesSource source = new("w", shape, type, values);
            using CpuWeight stored = (CpuWeight)ops.LoadWeight(source, role), floats = (CpuWeight)ops.LoadWeight(new HalfWeightSource("w", shape, type, values), role);
            Assert.Equal((type, type, shape.Count), (stored.Type, floats.Type, source.Halves));
            int count = checked((int)stored.Packed.Floats);
            float[] left = new float[count], right = new float[count];
            fixed (float* to = left)
                new ReadOnlySpan<float>(GemmEngine.For(kernel).Widen(stored.Values, count, to), count).CopyTo(left);
            fixed (float* to = right)
                new ReadOnlySpan<float>(GemmEngine.For(kernel).Widen(floats.Values, count, to), count).CopyTo(right);
            Assert.True(MemoryMarshal.AsBytes<float>(left).SequenceEqual(MemoryMarshal.AsBytes<float>(right)), $"{kernel}");
        }
    }

    [Fact]
    public void SmallWeights_LiveTogether_AndEachOnItsOwn()
    {
        using CpuOps ops = new();
        using TensorScope scope = ops.Scope();
        List<Weight> weights = [];
        // 40 MB in pieces of 300 KB: more than one slab; every other one goes early.
        for (int i = 0; i < 140; i++)
            weights.Add(ops.LoadWeight(new ArrayWeightSource($"w{i}", [75_000 + i], [.. Enumerable.Repeat((float)i, 75_000 + i)]), WeightRole.Vector));
        for (int i = 0; i < weights.Count; i += 2)
            weights[i].Dispose();
        for (int i = 1; i < weights.Count; i += 2)
        {
            Tensor zero = ops.Upload(new float[75_000 + i], [1, 75_000 + i]);
            Assert.All(ops.Values(ops.LayerNorm(zero, weights[i], weights[i], 1e-5f)), value => Assert.Equal(i, value)); // the bias alone is left
        }

        foreach (Weight weight in weights)
            weight.Dispose();
        Assert.Equal(0, ops.MemoryStatistics.WeightBytes);
    }
}
