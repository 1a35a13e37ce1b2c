using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

public sealed class LoadWeightTests
{
    [Fact]
    public void LoadWeight_ReadsALargeWeightInParts()
    {
        // 16 MiB of values; a part is 4 MiB.
        using CpuOps ops = new();
        RecordingSource source = new("w", [4096, 1024], failAt: long.MaxValue);
        using Weight weight = ops.LoadWeight(source, WeightRole.Linear);
        Assert.InRange(source.LargestRead, 1, 1 << 20);
        Assert.Equal(source.Shape.Count, source.Total);
        Assert.Equal(source.Shape.Count * sizeof(float), ops.MemoryStatistics.WeightBytes);
    }

    [Theory]
    [InlineData(WeightRole.Linear)]
    [InlineData(WeightRole.Table)]
    public void LoadWeight_LeavesNothingBehind_WhenTheFileFails(WeightRole role)
    {
        using CpuOps ops = new();
        Assert.Throws<InvalidDataException>(() => ops.LoadWeight(new RecordingSource("w", [4096, 1024], failAt: 3 << 20), role));
        Assert.Equal(0, ops.MemoryStatistics.WeightBytes);
    }

    [Fact]
    public void LoadWeight_RefusesAShapeThatDoesNotSuitTheRole()
    {
        using CpuOps ops = new();
        foreach ((WeightRole role, Shape shape) in new (WeightRole, Shape)[]
        {
            (WeightRole.Vector, [2, 3]), (WeightRole.Table, [4]), (WeightRole.Linear, [2, 3, 4]), (WeightRole.Conv2d, [2, 3]), (WeightRole.GroupedConv1d, [5, 2, 3]),
        })
        {
            ShapeException error = Assert.Throws<ShapeException>(() => ops.LoadWeight(new Draw(1).Weight("some.weight", shape), role));
            Assert.Contains($"'some.weight' is {shape}; role {role} wants", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, ops.MemoryStatistics.WeightBytes);
    }

    private sealed class RecordingSource(string name, Shape shape, long failAt) : WeightSource(name, shape, DType.F32)
    {
        public int LargestRead { get; private set; }

        public long Total { get; private set; }

        public override void Read(long start, Span<float> destination)
        {
            if (start + destination.Length > failAt)
                throw new InvalidDataException("The file ends here.");
            LargestRead = Math.Max(LargestRead, destination.Length);
            Total += destination.Length;
            destination.Clear();
        }
    }
}
