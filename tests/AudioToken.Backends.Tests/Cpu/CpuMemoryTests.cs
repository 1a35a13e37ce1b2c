using AudioToken.Backends.Cpu;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

public sealed class CpuMemoryTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void ARepeatedLoop_AllocatesNothing(int threads)
    {
        using CpuOps ops = new(new CpuOptions { Threads = threads });
        using TensorScope outer = ops.Scope();
        using Weight linear = ops.LoadWeight(new Draw(1).Weight("l", [128, 64]), WeightRole.Linear);
        using Weight conv = ops.LoadWeight(new Draw(2).Weight("c", [64, 64, 3, 3]), WeightRole.Conv2d);
        using Weight grouped = ops.LoadWeight(new Draw(3).Weight("g", [64, 16, 5]), WeightRole.GroupedConv1d);
        Tensor x = ops.Upload(new Draw(4).Normal([2, 9, 7, 64]), [2, 9, 7, 64]);

        void Step()
        {
            using TensorScope scope = ops.Scope();
            Tensor h = ops.Conv2d(x, conv, new ConvGeometry(1, 1), default);
            h = scope.Swap(h, ops.Linear(h, linear, new Epilogue { Activation = Activation.Geglu, Residual = x }));
            ops.GroupedConv1d(h.Reshape([2, 63, 64]), grouped, 4, 2, default);
        }

        for (int i = 0; i < 3; i++)
            Step();
        long native = ops.MemoryStatistics.NativeAllocations;
        Assert.Equal(0, ManagedMemory.AllocatedBy(() =>
        {
            for (int i = 0; i < 100; i++)
                Step();
        }));
        Assert.Equal(native, ops.MemoryStatistics.NativeAllocations);
        Assert.Equal(1, ops.LiveTensorCount);
    }

    [Fact]
    public void ALoopOfManySizes_SettlesWithoutAllocations()
    {
        // Sizes as they come and go in a network: a stack of skips, and a chain that swaps.
        using CpuMemory memory = new();
        void Step()
        {
            Stack<CpuStorage> skips = new();
            CpuStorage h = memory.Take(1 << 20);
            for (int level = 0; level < 8; level++)
            {
                skips.Push(memory.Take(40_000 * (8 - level)));
                CpuStorage next = memory.Take(50_000 * (level + 1));
                memory.GiveBack(h);
                h = next;
            }

            while (skips.TryPop(out CpuStorage? skip))
            {
                CpuStorage next = memory.Take(skip.Bytes + 1000);
                memory.GiveBack(skip);
                memory.GiveBack(h);
                h = next;
            }

            memory.GiveBack(h);
        }

        for (int i = 0; i < 3; i++)
            Step();
        long settled = memory.Allocations;
        for (int i = 0; i < 20; i++)
            Step();
        Assert.Equal(settled, memory.Allocations);
        Assert.Equal(0, memory.LiveBytes);
    }

    [Fact]
    public void ThePool_FreesWhatLiesIdle_BeforeItGrowsPastItsSlack()
    {
        using CpuMemory memory = new();
        for (long megabytes = 100; megabytes <= 300; megabytes += 50)
        {
            // Each stage wants another size; nothing is touched, so no page is really taken.
            CpuStorage first = memory.Take(megabytes << 20), second = memory.Take(megabytes << 20);
            Assert.True(memory.HeldBytes <= memory.LiveBytes + CpuMemory.Slack, $"{memory.HeldBytes} held, {memory.LiveBytes} live");
            memory.GiveBack(first);
            memory.GiveBack(second);
        }

        // The last two blocks stay, and one of the step before if it fitted the slack.
        Assert.True(memory.PeakHeldBytes <= (2 * 320L << 20) + CpuMemory.Slack, $"peak {memory.PeakHeldBytes}");
    }

    [Fact]
    public void ARefusedRequest_SaysHowMuch_AndTheNextSmallerOneSucceeds()
    {
        using CpuMemory memory = new();
        memory.GiveBack(memory.Take(5000));
        AudioTokenException error = Assert.Throws<AudioTokenException>(() => memory.Take(1L << 56));
        Assert.Equal(6001, error.Code);
        Assert.Equal($"cpu: the system refused {1L << 56} bytes of memory.", error.Message);
        Assert.Contains("smaller image", error.Hint, StringComparison.Ordinal);
        Assert.Equal(0, memory.HeldBytes); // what waited was freed for a second try
        memory.GiveBack(memory.Take(5000));
        Assert.Equal(0, memory.LiveBytes);
    }

    [Fact]
    public void Memory_IsAlignedToCacheLines()
    {
        using CpuMemory memory = new();
        foreach (long bytes in new[] { 1L, 63, 65, 4097, (2 << 20) - 1, (2 << 20) + 1 })
        {
            CpuStorage storage = memory.Take(bytes);
            Assert.True(storage.Bytes >= bytes);
            unsafe
            {
                Assert.Equal(0, (long)storage.Pointer % 64);
            }

            memory.GiveBack(storage);
        }
    }

    [Fact]
    public void ATensor_IsDead_OnceItsScopeHasClosed()
    {
        using CpuOps ops = new();
        Tensor x;
        using (ops.Scope())
            x = ops.Upload(new float[4], [4]);
        Assert.Throws<ObjectDisposedException>(() => ops.Download(x, new float[4]));
        Assert.Equal(0, ops.LiveTensorCount);
    }

    [Fact]
    public void Statistics_CountWeightsAndTensors()
    {
        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        using (Weight weight = ops.LoadWeight(new Draw(1).Weight("v", [100]), WeightRole.Vector))
            Assert.Equal(400, ops.MemoryStatistics.WeightBytes);
        Assert.Equal(0, ops.MemoryStatistics.WeightBytes);
        using (ops.Scope())
        {
            ops.Upload(new float[1000], [1000]);
            Assert.InRange(ops.MemoryStatistics.LiveBytes, 4000, 4500);
        }

        Assert.Equal(0, ops.MemoryStatistics.LiveBytes);
        Assert.InRange(ops.MemoryStatistics.HeldBytes, 4000, 4500);
    }

    [Fact]
    public void ADisposedBackend_RefusesWork()
    {
        CpuOps ops = new();
        ops.Dispose();
        ops.Dispose();
        Assert.Throws<ObjectDisposedException>(() => ops.Scope());
        Assert.Throws<ObjectDisposedException>(() => ops.Upload(new float[1], [1]));
        Assert.Throws<ObjectDisposedException>(() => ops.LoadWeight(new Draw(1).Weight("v", [1]), WeightRole.Vector));
    }
}
