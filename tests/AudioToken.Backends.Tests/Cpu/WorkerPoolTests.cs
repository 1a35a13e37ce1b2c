using AudioToken.Backends.Cpu;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests.Cpu;

public sealed unsafe class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Run_DoesEachPartOnce(int threads)
    {
        using WorkerPool pool = new(threads);
        foreach (int count in new[] { 0, 1, 2, 3, 100, 1_000 })
        {
            int[] done = new int[count];
            pool.Run(count, new Counting(done, threads));
            Assert.All(done, times => Assert.Equal(1, times));
        }
    }

    [Fact]
    public void Run_SurvivesThousandsOfShortJobs()
    {
        using WorkerPool pool = new(4);
        int[] done = new int[3];
        for (int i = 0; i < 5_000; i++)
            pool.Run(done.Length, new Counting(done, 4));
        Assert.All(done, times => Assert.Equal(5_000, times));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_ThrowsWhatAPartThrew_AndGoesOnWorking(int threads)
    {
        using WorkerPool pool = new(threads);
        for (int round = 0; round < 50; round++)
        {
            InvalidDataException error = Assert.Throws<InvalidDataException>(() => pool.Run(64, new Throwing(round)));
            Assert.Equal($"part {round}", error.Message);
        }

        int[] done = new int[10];
        pool.Run(done.Length, new Counting(done, threads));
        Assert.All(done, times => Assert.Equal(1, times));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_RefusesAJobWithinAJob(int threads)
    {
        using WorkerPool pool = new(threads);
        Assert.Contains("a job is running", Assert.Throws<InvalidOperationException>(() => pool.Run(8, new Nesting(pool))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AllocatesNothing()
    {
        using WorkerPool pool = new(2);
        int[] done = new int[16];
        void Round()
        {
            for (int i = 0; i < 1000; i++)
                pool.Run(done.Length, new Counting(done, 2));
        }

        Assert.Equal(0, ManagedMemory.AllocatedBy(Round));
    }

    [Fact]
    public void Scratch_IsReusedUntilItMustGrow()
    {
        using WorkerPool pool = new(1);
        void* first = pool.Scratch(0, 1000);
        Assert.True(first == pool.Scratch(0, 100_000));
        Assert.Equal(1, pool.ScratchAllocations);
        pool.Scratch(0, 5 << 20);
        Assert.Equal(2, pool.ScratchAllocations);
        Assert.Equal(5 << 20, pool.ScratchBytes);
        Assert.Equal(0, (long)pool.Scratch(0, 1) % 64);
    }

    [Fact]
    public void Scratch_OfEveryThread_GrowsWithTheFirstThatNeedsIt()
    {
        // Which thread takes the one part of the first job is chance; after the next job all three are alike.
        using WorkerPool pool = new(3);
        pool.Scratch(1, 3 << 20);
        pool.Run(2, new Counting(new int[2], 3));
        Assert.Equal(3 * (3 << 20), pool.ScratchBytes);
        Assert.Equal(3, pool.ScratchAllocations);
    }

    [Theory, InlineData(0), InlineData(-1), InlineData(CpuOptions.MaxThreads + 1), InlineData(int.MaxValue)]
    public void Threads_OutOfRange_AreRefused(int threads) => Assert.Throws<ArgumentOutOfRangeException>(nameof(threads), () => new WorkerPool(threads));

    [Fact]
    public void Dispose_EndsTheThreads_AndRefusesMoreWork()
    {
        WorkerPool pool = new(3);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Run(4, new Counting(new int[4], 3)));
    }

    private readonly struct Counting(int[] done, int threads) : IParallelBody
    {
        public void Run(int index, int worker)
        {
            if ((uint)worker >= (uint)threads)
                throw new ArgumentOutOfRangeException(nameof(worker), worker, $"Of {threads} threads.");
            Interlocked.Increment(ref done[index]);
        }
    }

    private readonly struct Throwing(int at) : IParallelBody
    {
        public void Run(int index, int worker)
        {
            if (index == at)
                throw new InvalidDataException($"part {index}");
        }
    }

    private readonly struct Nesting(WorkerPool pool) : IParallelBody
    {
        public void Run(int index, int worker) => pool.Run(2, new Counting(new int[2], 2));
    }
}
