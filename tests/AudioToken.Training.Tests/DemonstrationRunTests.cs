using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using AudioToken.Testing;
using AudioToken.Training.Demonstration;
using AudioToken.Training.Runs;
using AudioToken.Weights;
using AudioToken.World.Classifiers;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>The whole way from nothing to a bundle, with one update of each part.</summary>
public sealed class DemonstrationRunTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-demo-").FullName;

    [Fact]
    public void FromNothing_ComesABundleThatDraws()
    {
        using TinyModel tiny = new();
        using ModelFiles tokens = tiny.Open();
        Recipe recipe = new Recipe { SamplesOfEach = 1 }.Scaled(1e-6);
        List<string> notes = [];
        DemonstrationRun run = Make(tokens, recipe, notes);
        run.Run(TestContext.Current.CancellationToken);
        Assert.InRange(new FileInfo(run.Result).Length, 1_000_000, 24_000_000);
        byte[] first = File.ReadAllBytes(run.Result);

        // A second call finds every stage done and writes the same bundle.
        File.Delete(run.Result);
        notes.Clear();
        Make(tokens, recipe, notes).Run(TestContext.Current.CancellationToken);
        Assert.DoesNotContain(notes, note => note.Contains("parameters, updates", StringComparison.Ordinal));
        Assert.Equal(first, File.ReadAllBytes(run.Result));

        using ModelFiles files = ModelFiles.Open(run.Result);
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, new CpuOps(new CpuOptions { Threads = 2 }));
        ModelJudgement judgement = ModelJudgement.Run(
            pipeline, new JudgementSettings { Pictures = 1, WrongPictures = 1, Steps = 1, LearnOfEach = 2 }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal((1, 1), (judgement.Right.Total, judgement.Wrong.Total));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private DemonstrationRun Make(ModelFiles tokens, Recipe recipe, List<string> notes) =>
        new(tokens, new CpuOps(new CpuOptions { Threads = 2 }), recipe, _folder, notes.Add, _ => new Progress<RunProgress>());
}
