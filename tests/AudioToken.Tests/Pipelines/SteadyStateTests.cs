using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>The denoising loop allocates in its first steps and then nothing, neither native memory nor managed objects.</summary>
public sealed class SteadyStateTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    // The pool serves a request from the smallest block that fits, so the first steps settle who gets which.
    private const int Warm = 3;

    [Theory]
    [InlineData(SamplerKind.Ddim, 7.5f, 1)]
    [InlineData(SamplerKind.Pndm, 7.5f, 1)]
    [InlineData(SamplerKind.DpmSolverPlusPlus2M, 7.5f, 1)]
    [InlineData(SamplerKind.EulerAncestral, 7.5f, 1)] // draws noise at each step
    [InlineData(SamplerKind.Ddim, 1f, 1)]
    [InlineData(SamplerKind.Ddim, 7.5f, 2)]
    public void DenoisingLoop_AllocatesNothingOnceWarm(SamplerKind sampler, float guidance, int threads)
    {
        CpuOps ops = TinyPipeline.NewOps(threads);
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, ops);
        GenerationRequest request = TinyPipeline.Request with { Sampler = sampler, GuidanceScale = guidance, Steps = 24 };
        pipeline.Generate(request with { Steps = 2 }, cancellation: TinyPipeline.TestEnd); // code compiles, caches fill

        long[] managed = new long[64], native = new long[64];
        int[] collections = new int[64];
        int steps = 0;
        Listener listener = new(progress =>
        {
            if (progress.Phase != GenerationPhase.Denoising)
                return;
            native[steps] = ops.MemoryStatistics.NativeAllocations;
            collections[steps] = GC.CollectionCount(0);
            managed[steps++] = GC.GetAllocatedBytesForCurrentThread();
        });
        pipeline.Generate(request, listener, TinyPipeline.TestEnd);
        Assert.InRange(steps, 24, 25);
        Assert.All(Enumerable.Range(Warm, steps - Warm), i => Assert.Equal(native[Warm], native[i]));

        // A collection makes the rest of what a thread allocates from count as allocated (ManagedMemory).
        int[] undisturbed = [.. Enumerable.Range(Warm + 1, steps - Warm - 1).Where(i => collections[i] == collections[i - 1])];
        Assert.NotEmpty(undisturbed);
        Assert.All(undisturbed, i => Assert.Equal(0, managed[i] - managed[i - 1]));
    }

    [Fact]
    public void FurtherRequests_AskTheSystemForNothing()
    {
        CpuOps ops = TinyPipeline.NewOps();
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, ops);
        // The pool serves a request from the smallest block that fits, so the first rounds settle who gets which.
        List<CpuMemoryStatistics> after = [];
        for (int i = 0; i < 10; i++)
        {
            pipeline.Generate(TinyPipeline.Request with { Seed = (ulong)i }, cancellation: TinyPipeline.TestEnd);
            after.Add(ops.MemoryStatistics);
        }

        Assert.Equal(0, after[0].LiveBytes);
        Assert.All(after[4..], statistics => Assert.Equal(after[4], statistics));
    }
}
