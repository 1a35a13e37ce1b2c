using AudioToken.Pipelines;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>The model's hash is read beside the first picture; a slow disk holds up neither a cancel nor later pictures for ever.</summary>
public sealed class ModelHashTests(TinyPipeline tiny) : IClassFixture<TinyPipeline>
{
    [Fact]
    public async Task CancelWhileTheHashIsRead_EndsTheRequest()
    {
        using ManualResetEventSlim go = new();
        using SlowFiles files = new(tiny.Files, () => go.Wait(TinyPipeline.TestEnd));
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, TinyPipeline.NewOps());
        using CancellationTokenSource source = new();
        Listener listener = new(progress =>
        {
            if (progress.Phase == GenerationPhase.Decoding)
                source.CancelAfter(TimeSpan.FromMilliseconds(20)); // the picture is decoded by then or not: either way the request ends
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pipeline.GenerateAsync(TinyPipeline.Request, listener, source.Token));
        go.Set();
        Assert.Equal(tiny.Fresh(TinyPipeline.Request), TinyPipeline.Bytes(await pipeline.GenerateAsync(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd)));
    }

    [Fact]
    public void FilesThatAreGone_CostTheHashOnly()
    {
        using SlowFiles files = new(tiny.Files, () => { }, Path.Combine(Path.GetTempPath(), "audiotoken-no-such-file"));
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, TinyPipeline.NewOps());
        Assert.Null(pipeline.Generate(TinyPipeline.Request, cancellation: TinyPipeline.TestEnd).Images[0].Parameters.ModelHash);
    }

    // The small model, whose files take as long to be listed as the test likes.
    private sealed class SlowFiles(ModelFiles inner, Action wait, string? source = null) : ModelFiles(inner.Name, new ModelFilesOptions())
    {
        public override string SchedulerConfigJson => inner.SchedulerConfigJson;

        public override byte[]? FindTokenizerFile(string name) => inner.FindTokenizerFile(name);

        protected override bool HasOwn(ModelComponent component) => inner.Has(component);

        protected override TensorCollection OpenOwn(ModelComponent component) => inner.Open(component);

        protected override string OwnConfigJson(ModelComponent component) => inner.ConfigJson(component);

        protected override IEnumerable<(string Path, string Name)> SourcePaths()
        {
            wait();
            return source is null ? [] : [(source, "model")];
        }
    }
}
