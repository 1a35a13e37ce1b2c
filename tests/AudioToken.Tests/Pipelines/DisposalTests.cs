using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>Dispose lets accepted work finish, then frees everything; nothing hangs, whoever calls it and whenever.</summary>
public sealed class DisposalTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    [Fact]
    public async Task Dispose_FreesWeightsAndBackend()
    {
        CpuOps ops = TinyPipeline.NewOps();
        AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, ops);
        Assert.True(ops.MemoryStatistics.WeightBytes > 0);
        await pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd);
        pipeline.Dispose();
        pipeline.Dispose();
        await pipeline.DisposeAsync();
        Assert.Equal((0, 0, 0), (ops.MemoryStatistics.WeightBytes, ops.MemoryStatistics.HeldBytes, ops.LiveTensorCount));
        Assert.Throws<ObjectDisposedException>(() => ops.Scope());
    }

    [Fact]
    public async Task UseAfterDispose_IsRefused()
    {
        AudioToImagePipeline pipeline = tiny.Load();
        pipeline.Dispose();
        Assert.Equal(typeof(AudioToImagePipeline).FullName, Assert.Throws<ObjectDisposedException>(() => pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd)).ObjectName);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => pipeline.EncodeAsync(TinyPipeline.Sound, TinyPipeline.TestEnd));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (GeneratedImage _ in pipeline.GenerateEachAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd))
                Assert.Fail("A picture came out of a disposed pipeline.");
        });
        Assert.Equal("tiny-hf", pipeline.Model.Name); // what it was may still be asked
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DisposeDuringARun_WaitsForItAndForTheQueue(bool asynchronously)
    {
        CpuOps ops = TinyPipeline.NewOps();
        AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, ops);
        using ManualResetEventSlim begun = new(), go = new();
        Task<GenerationResult> running = pipeline.GenerateAsync(TinyPipeline.Request, new Listener(progress =>
        {
            begun.Set();
            go.Wait(TinyPipeline.TestEnd);
        }), TinyPipeline.TestEnd);
        Task<GenerationResult> queued = pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd);
        begun.Wait(TinyPipeline.TestEnd);

        Task disposing = asynchronously ? pipeline.DisposeAsync().AsTask() : Task.Run(pipeline.Dispose, TinyPipeline.TestEnd);
        // The door closes as soon as Dispose has begun; until then requests are still taken.
        List<Task> late = [];
        try
        {
            while (true)
            {
                late.Add(pipeline.EncodeAsync(TinyPipeline.Sound, TinyPipeline.TestEnd));
                await Task.Delay(1, TinyPipeline.TestEnd); // few requests, however late the other thread begins
            }
        }
        catch (ObjectDisposedException)
        {
        }

        Assert.False(disposing.IsCompleted);
        Assert.True(ops.MemoryStatistics.WeightBytes > 0);
        go.Set();
        await disposing;
        Assert.True(running.IsCompletedSuccessfully && queued.IsCompletedSuccessfully && late.TrueForAll(task => task.IsCompletedSuccessfully));
        Assert.Equal(TinyPipeline.Bytes(await running), TinyPipeline.Bytes(await queued));
        Assert.Equal(0, ops.MemoryStatistics.WeightBytes);
    }

    [Fact]
    public async Task DisposeTwiceAtOnce_BothWaitForTheRun()
    {
        CpuOps ops = TinyPipeline.NewOps();
        AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, ops);
        using ManualResetEventSlim begun = new(), go = new();
        Task<GenerationResult> running = pipeline.GenerateAsync(TinyPipeline.Request, new Listener(_ =>
        {
            begun.Set();
            go.Wait(TinyPipeline.TestEnd);
        }), TinyPipeline.TestEnd);
        begun.Wait(TinyPipeline.TestEnd);
        Task<(bool Ended, long Bytes)>[] disposing = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(
            () =>
            {
                pipeline.Dispose();
                return (running.IsCompleted, ops.MemoryStatistics.WeightBytes);
            },
            TinyPipeline.TestEnd))];
        go.Set();
        Assert.Equal([(true, 0), (true, 0)], await Task.WhenAll(disposing));
    }

    [Fact]
    public async Task DisposeFromAProgressCallback_LetsTheRunFinish()
    {
        CpuOps ops = TinyPipeline.NewOps();
        AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, ops);
        using ManualResetEventSlim queued = new();
        Task<GenerationResult> running = pipeline.GenerateAsync(TinyPipeline.Request, new Listener(progress =>
        {
            queued.Wait(TinyPipeline.TestEnd);
            if (progress is { Phase: GenerationPhase.Denoising, Step: 1 })
                pipeline.Dispose();
        }), TinyPipeline.TestEnd);
        Task<GenerationResult> next = pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd);
        queued.Set();
        Assert.Equal(TinyPipeline.Bytes(await running), TinyPipeline.Bytes(await next));
        Assert.Throws<ObjectDisposedException>(() => pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd));
        pipeline.Dispose(); // from a thread that can wait
        Assert.Equal((0, 0), (ops.MemoryStatistics.WeightBytes, ops.LiveTensorCount));
    }

    [Fact]
    public void LoadAndDispose_ManyTimes_LeavesNothingBehind()
    {
        for (int i = 0; i < 5; i++)
        {
            CpuOps ops = TinyPipeline.NewOps(threads: 2);
            AudioToImagePipeline.Load(tiny.Files, ops).Dispose();
            Assert.Equal((0, 0), (ops.MemoryStatistics.WeightBytes, ops.MemoryStatistics.HeldBytes));
        }
    }
}
