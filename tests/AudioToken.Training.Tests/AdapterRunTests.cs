using AudioToken.Backends.Cpu;
using AudioToken.Models.Fga;
using AudioToken.Tensors;
using AudioToken.Testing;
using AudioToken.Training.Adapters;
using AudioToken.Training.Optimisation;
using AudioToken.Training.Runs;
using AudioToken.Weights;
using AudioToken.World;
using Xunit;

namespace AudioToken.Training.Tests;

/// <summary>Whole trainings on a few samples of the small world: stopped, killed, disturbed.</summary>
public sealed class AdapterRunTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("audiotoken-train-").FullName;
    private readonly TinyModel _tiny = new();
    private readonly List<string> _notes = [];

    public AdapterRunTests() => new WorldFolder
    {
        Path = Data,
        Kinds = [.. WorldKinds.All.Take(2)],
        Count = 2,
        Split = WorldSplit.Training,
        FirstSeed = 0,
        Size = 64,
        Seconds = 2,
    }.Write(cancellation: TestContext.Current.CancellationToken);

    private string Data => Path.Combine(_root, "data");

    [Fact]
    public void ARunThatWasStopped_GoesOnToTheBit()
    {
        Train("whole", updates: 6);
        Assert.Throws<OperationCanceledException>(() => Train("parts", updates: 6, stopAfter: 2));
        Assert.Contains("after update", Train("parts", updates: 6, resume: true, stopAfter: 6).Single(note => note.StartsWith("going on", StringComparison.Ordinal)), StringComparison.Ordinal);
        foreach (string name in (string[])["embedder.safetensors", "lora.safetensors", "log.csv"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(_root, "whole", name)), File.ReadAllBytes(Path.Combine(_root, "parts", name)));
    }

    // What a kill can leave: a newest checkpoint that is not whole, and a log that knows more.
    [Fact]
    public void ADamagedCheckpoint_IsPassedOver()
    {
        Train("whole", updates: 6);
        Train("killed", updates: 4);
        string newest = Directory.EnumerateFiles(Path.Combine(_root, "killed"), "checkpoint-*").Max()!;
        using (FileStream file = File.OpenWrite(newest))
            file.SetLength(file.Length / 2);
        List<string> notes = Train("killed", updates: 6, resume: true);
        Assert.Contains(notes, note => note.StartsWith("checkpoint-00000004.safetensors is damaged or gone", StringComparison.Ordinal));
        Assert.Contains("going on after update 2", notes);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_root, "whole", "embedder.safetensors")), File.ReadAllBytes(Path.Combine(_root, "killed", "embedder.safetensors")));
        Assert.Equal(File.ReadAllText(Path.Combine(_root, "whole", "log.csv")), File.ReadAllText(Path.Combine(_root, "killed", "log.csv")));
    }

    [Fact]
    public void TheResult_LoadsAsAnEmbedder()
    {
        Train("run", updates: 1);
        using CpuOps ops = new(new CpuOptions { Threads = 1 });
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(_root, "run", "embedder.safetensors"));
        using FgaEmbedder embedder = FgaEmbedder.Load(ops, file);
        Assert.Equal(new FgaConfig(96, 32), embedder.Config);
        Assert.Equal(new Shape(32, 32, 1), file.Find("fga.un_models.0.embed.weight")!.Shape);
    }

    [Fact]
    public void OtherSettings_AreRefused()
    {
        Train("run", updates: 2);
        AudioTokenException begun = Assert.Throws<AudioTokenException>(() => Train("run", updates: 2));
        Assert.Equal(8702, begun.Code);
        Assert.EndsWith("holds the checkpoints of a run", begun.Message, StringComparison.Ordinal);
        AudioTokenException other = Assert.Throws<AudioTokenException>(() => Train("run", updates: 3, resume: true, seed: 9));
        Assert.Equal(4701, other.Code);
        Assert.EndsWith("is of a run with other settings: found seed 5, wanted seed 9", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TwoTrainersInOneFolder_AreRefused()
    {
        using RunLock held = RunLock.Take(Path.Combine(_root, "run"));
        AudioTokenException refused = Assert.Throws<AudioTokenException>(() => Train("run", updates: 1));
        Assert.Equal(8701, refused.Code);
        Assert.Contains($"is in use by another trainer: process {Environment.ProcessId} on ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALockLeftBehind_IsExplained()
    {
        Directory.CreateDirectory(Path.Combine(_root, "run"));
        File.WriteAllText(Path.Combine(_root, "run", "train.lock"), "process 1 on elsewhere\n");
        Assert.Contains(Train("run", updates: 1), note => note.Contains("(process 1 on elsewhere) did not end in order", StringComparison.Ordinal));
    }

    [Fact]
    public void ABadSample_IsToldOnceAndLeftOut()
    {
        File.WriteAllText(Directory.EnumerateFiles(Data, "*.png").Min()!, "no picture");
        List<string> notes = Train("run", updates: 6);
        Assert.Single(notes, note => note.Contains("is left out", StringComparison.Ordinal));
        foreach (string picture in Directory.EnumerateFiles(Data, "*.png"))
            File.WriteAllText(picture, "no picture");
        AudioTokenException none = Assert.Throws<AudioTokenException>(() => Train("other", updates: 1));
        Assert.Equal(3701, none.Code);
        Assert.Contains("of 4 samples cannot be read", none.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderWithoutSamples_SaysWhatIsWanted()
    {
        AudioTokenException none = Assert.Throws<AudioTokenException>(() => Data.Length > 0 ? Training.Data.SampleList.Read(_root) : null);
        Assert.Equal(3701, none.Code);
        Assert.Contains("no sound has a picture of its name", none.Message, StringComparison.Ordinal);
        Assert.Contains("name.wav beside name.png", none.Hint, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _tiny.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private List<string> Train(string folder, long updates, bool resume = false, long stopAfter = long.MaxValue, ulong seed = 5)
    {
        _notes.Clear();
        using ModelFiles files = _tiny.Open();
        using CpuOps ops = new(new CpuOptions { Threads = 2 });
        using CancellationTokenSource stop = new();
        AdapterRunOptions options = new()
        {
            Data = Data,
            Folder = Path.Combine(_root, folder),
            Resume = resume,
            Adapters = new AdapterSettings { LoraRank = 2, Seed = seed },
            Run = new RunSettings { Updates = updates, LearningRate = new LearningRate(1e-3, LearningRateShape.Constant, 2, updates), SaveEvery = 2, ClipNorm = 1 },
            Batch = 2,
            Width = 64,
            Height = 64,
            MostBadSamples = 0.5,
        };
        AdapterRun.Run(files, ops, options, _notes.Add, new Stopping(stop, stopAfter), stop.Token);
        return [.. _notes];
    }

    private sealed class Stopping(CancellationTokenSource stop, long after) : IProgress<RunProgress>
    {
        public void Report(RunProgress value)
        {
            if (value.Update == after)
                stop.Cancel();
        }
    }
}
