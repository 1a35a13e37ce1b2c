using AudioToken.Pipelines;
using AudioToken.Sampling;
using Xunit;
using static AudioToken.Pipelines.GenerationPhase;

namespace AudioToken.Tests.Pipelines;

/// <summary>Progress comes in order, from one thread, and never after the end; a listener that throws harms its own request only.</summary>
public sealed class ProgressTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    [Fact]
    public void Reports_FollowTheStages()
    {
        Assert.Equal(
            [
                (EncodingSound, 0, 0, 11), (EncodingText, 0, 0, 11),
                (Denoising, 0, 0, 11), (Denoising, 1, 0, 11), (Denoising, 2, 0, 11), (Decoding, 3, 0, 11),
                (Denoising, 0, 2, 13), (Denoising, 1, 2, 13), (Denoising, 2, 2, 13), (Decoding, 3, 2, 13),
                (Done, 0, 0, 11),
            ],
            Listen(TinyPipeline.Request with { Count = 3, BatchSize = 2 }).Select(progress => (progress.Phase, progress.Step, progress.Image, (int)progress.Seed)));
    }

    [Fact]
    public void Reports_CountTheUnetsCallsNotTheStepsAskedFor()
    {
        // PNDM repeats its first timestep but one.
        List<GenerationProgress> reports = Listen(TinyPipeline.Request with { Sampler = SamplerKind.Pndm, Steps = 5 });
        Assert.All(reports, progress => Assert.Equal((6, 1), (progress.Steps, progress.Images)));
        Assert.Equal([0, 1, 2, 3, 4, 5], reports.Where(progress => progress.Phase == Denoising).Select(progress => progress.Step));
    }

    [Fact]
    public void Reports_ComeFromOneThreadInTimeOrder()
    {
        HashSet<(int, string?, bool)> threads = [];
        List<GenerationProgress> reports = Listen(
            TinyPipeline.Request with { Count = 2 }, () => threads.Add((Environment.CurrentManagedThreadId, Thread.CurrentThread.Name, Thread.CurrentThread.IsBackground)));
        (int id, string? name, bool background) = Assert.Single(threads);
        Assert.NotEqual(Environment.CurrentManagedThreadId, id);
        Assert.Equal(("AudioToken cpu", true), (name, background));
        Assert.Equal(reports.Select(progress => progress.Elapsed).Order(), reports.Select(progress => progress.Elapsed));
    }

    [Fact]
    public async Task NothingIsReported_AfterTheTaskHasEnded()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        int reports = 0, ended = -1;
        GenerationResult result = await pipeline.GenerateAsync(TinyPipeline.Request, new Listener(_ => reports++), TinyPipeline.TestEnd);
        ended = reports;
        await pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd);
        Assert.Equal((1, 7), (result.Images.Count, ended));
        Assert.Equal(ended, reports);
        StageTimes times = result.Times;
        Assert.All([times.Sound, times.Text, times.Denoising, times.Decoding], time => Assert.True(time > TimeSpan.Zero));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task ThrowingListener_FailsItsRequestOnly(int at)
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        int seen = 0;
        Listener throwing = new(_ =>
        {
            if (seen++ == at)
                throw new InvalidOperationException("The listener has had enough.");
        });
        Task<GenerationResult> first = pipeline.GenerateAsync(TinyPipeline.Request, throwing, TinyPipeline.TestEnd);
        Task<GenerationResult> second = pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd);
        Assert.Equal("The listener has had enough.", (await Assert.ThrowsAsync<InvalidOperationException>(() => first)).Message);
        Assert.Equal(at + 1, seen);
        Assert.Equal(tiny.Fresh(TinyPipeline.Request), TinyPipeline.Bytes(await second));
        Assert.Equal(0, ops.Cpu.LiveTensorCount);
    }

    [Fact]
    public async Task RequestsFromAListener_QueueButNeverWaitForThemselves()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        Task<GenerationResult>? next = null;
        InvalidOperationException? refusal = null;
        await pipeline.GenerateAsync(TinyPipeline.Request, new Listener(progress =>
        {
            if (progress.Phase != Decoding)
                return;
            refusal = Assert.Throws<InvalidOperationException>(() => pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd));
            next = pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd);
        }), TinyPipeline.TestEnd);
        Assert.Equal("Generate was called from a progress callback and would wait for itself; use GenerateAsync there.", refusal!.Message);
        Assert.Single((await next!).Images);
    }

    private List<GenerationProgress> Listen(GenerationRequest request, Action? also = null)
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        List<GenerationProgress> reports = [];
        pipeline.Generate(request, new Listener(progress =>
        {
            reports.Add(progress);
            also?.Invoke();
        }), TinyPipeline.TestEnd);
        return reports;
    }
}
