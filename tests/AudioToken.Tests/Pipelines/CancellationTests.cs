using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>A cancelled request ends within one operation, gives all memory back and leaves no trace in the next picture.</summary>
public sealed class CancellationTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    private readonly GenerationRequest _request = TinyPipeline.Request with { Count = 2, Sampler = SamplerKind.EulerAncestral };

    [Fact]
    public async Task CancelAtEveryReport_EndsTheRequestAndNothingElse()
    {
        CpuOps ops = TinyPipeline.NewOps();
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(tiny.Files, ops);
        int live = ops.LiveTensorCount;
        byte[][] expected = tiny.Fresh(_request);

        int reports = 0;
        await pipeline.GenerateAsync(_request, new Listener(_ => reports++), TinyPipeline.TestEnd);
        Assert.Equal(2 + 2 * (3 + 1) + 1, reports); // sound, text; for each picture its steps and the decoder; done
        for (int at = 0; at < reports - 1; at++)
        {
            using CancellationTokenSource source = new();
            int seen = 0;
            Listener listener = new(_ =>
            {
                if (seen++ == at)
                    source.Cancel();
            });
            OperationCanceledException exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pipeline.GenerateAsync(_request, listener, source.Token));
            Assert.Equal(source.Token, exception.CancellationToken);
            Assert.Equal(at + 1, seen);
            Assert.Equal(live, ops.LiveTensorCount);
        }

        Assert.Equal(expected, TinyPipeline.Bytes(await pipeline.GenerateAsync(_request, cancellation: TinyPipeline.TestEnd)));
    }

    [Theory]
    [InlineData("encoder.layers.3.fc1.weight")]                               // BEATs
    [InlineData("fc1.weight")]                                                // embedder
    [InlineData("text_model.encoder.layers.1.mlp.fc1.weight")]                // text encoder
    [InlineData("conv_in.weight")]                                            // UNet, its first operation
    [InlineData("mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight")] // and its middle
    [InlineData("decoder.up_blocks.1.resnets.0.conv1.weight")]                // VAE
    public void CancelInsideAStage_RunsNoFurtherOperation(string operation)
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        int live = ops.Cpu.LiveTensorCount, operations = 0;
        using CancellationTokenSource source = new();
        ops.OnOperation = name =>
        {
            if (name == operation)
                source.Cancel();
            if (source.IsCancellationRequested)
                operations++;
        };
        OperationCanceledException exception = Assert.ThrowsAny<OperationCanceledException>(() => pipeline.Generate(_request, cancellation: source.Token));
        Assert.Equal(source.Token, exception.CancellationToken);
        Assert.Equal(1, operations); // the one in which the cancel came
        Assert.Equal(live, ops.Cpu.LiveTensorCount);

        ops.OnOperation = _ => { };
        Assert.Equal(tiny.Fresh(_request), TinyPipeline.Bytes(pipeline.Generate(_request, cancellation: TinyPipeline.TestEnd)));
    }

    [Fact]
    public void CancelAtAnyOperation_GivesAllMemoryBack()
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        GenerationRequest request = TinyPipeline.Request with { Steps = 1 };
        int live = ops.Cpu.LiveTensorCount, begin = ops.Operations;
        pipeline.Generate(request, cancellation: TinyPipeline.TestEnd);
        int all = ops.Operations - begin;
        for (int at = 1; at < all; at += 17)
        {
            using CancellationTokenSource source = new();
            begin = ops.Operations;
            ops.OnOperation = _ =>
            {
                if (ops.Operations - begin == at)
                    source.Cancel();
            };
            Assert.ThrowsAny<OperationCanceledException>(() => pipeline.Generate(request, cancellation: source.Token));
            Assert.Equal(at, ops.Operations - begin);
            Assert.Equal(live, ops.Cpu.LiveTensorCount);
        }
    }

    [Fact]
    public async Task Encode_EndsToo()
    {
        ScriptedOps ops = new();
        using AudioToImagePipeline pipeline = tiny.Load(ops);
        int live = ops.Cpu.LiveTensorCount;
        using CancellationTokenSource source = new();
        ops.OnOperation = name =>
        {
            if (name == nameof(ITensorOps.AttentionPool))
                source.Cancel();
        };
        // The pool is the last operation: nothing is left to stop, and the token is whole.
        Assert.Equal(32, (await pipeline.EncodeAsync(TinyPipeline.Sound, source.Token)).Length);

        using CancellationTokenSource earlier = new();
        ops.OnOperation = name =>
        {
            if (name == nameof(ITensorOps.MeanCosine))
                earlier.Cancel();
        };
        OperationCanceledException exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pipeline.EncodeAsync(TinyPipeline.Sound, earlier.Token));
        Assert.Equal(earlier.Token, exception.CancellationToken);
        Assert.Equal(live, ops.Cpu.LiveTensorCount);
    }

    [Fact]
    public async Task CancelledInTheQueue_EndsAtOnceAndNeverRuns()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        using ManualResetEventSlim begun = new(), go = new();
        Task<GenerationResult> first = pipeline.GenerateAsync(TinyPipeline.Request, new Listener(_ =>
        {
            begun.Set();
            go.Wait(TinyPipeline.TestEnd);
        }), TinyPipeline.TestEnd);
        begun.Wait(TinyPipeline.TestEnd);

        using CancellationTokenSource source = new();
        bool ran = false;
        Task<GenerationResult> second = pipeline.GenerateAsync(TinyPipeline.Request, new Listener(_ => ran = true), source.Token);
        Task<float[]> third = pipeline.EncodeAsync(TinyPipeline.Sound, source.Token);
        Assert.False(second.IsCompleted);
        await source.CancelAsync();
        // Both end although the first still holds the thread.
        Assert.Equal(source.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second)).CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => third);
        Assert.False(first.IsCompleted);

        go.Set();
        Assert.Equal(tiny.Fresh(TinyPipeline.Request), TinyPipeline.Bytes(await first));
        await pipeline.EncodeAsync(TinyPipeline.Sound, TinyPipeline.TestEnd); // after the second's turn
        Assert.False(ran);
    }

    [Fact]
    public async Task CancelledBefore_NeverRuns()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        bool ran = false;
        CancellationToken cancelled = new(canceled: true);
        Task<GenerationResult> task = pipeline.GenerateAsync(TinyPipeline.Request, new Listener(_ => ran = true), cancelled);
        Assert.Equal(cancelled, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task)).CancellationToken);
        await pipeline.EncodeAsync(TinyPipeline.Sound, TinyPipeline.TestEnd);
        Assert.False(ran);
    }

    [Fact]
    public async Task CancelAfterTheEnd_ChangesNothing()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        using CancellationTokenSource source = new();
        Listener listener = new(progress =>
        {
            if (progress.Phase == GenerationPhase.Done)
                source.Cancel();
        });
        Assert.Single((await pipeline.GenerateAsync(TinyPipeline.Request, listener, source.Token)).Images);
    }

    [Fact]
    public async Task GenerateEach_StopsBetweenPictures()
    {
        using AudioToImagePipeline pipeline = tiny.Load();
        using CancellationTokenSource source = new();
        int images = 0;
        OperationCanceledException exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedImage _ in pipeline.GenerateEachAsync(TinyPipeline.Request with { Count = 3 }, cancellation: source.Token))
            {
                images++;
                await source.CancelAsync();
            }
        });
        Assert.Equal((1, source.Token), (images, exception.CancellationToken));
    }
}
