using AudioToken.Cli;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.WeightsConverter;
using Xunit;

namespace AudioToken.Cuda.Tests;

/// <summary><c>audiotoken train --device cuda</c> from files to files, on the emulated device.</summary>
public sealed class TrainTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-train-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void EndedTraining_GoesOnToTheBit() => Setup.Run(setup =>
    {
        using (TinyModel tiny = new())
        {
            using ModelFiles files = tiny.Open();
            new BundleBuilder().Build(files, PathOf("model.safetensors"));
        }

        Run("world", "--out", PathOf("data"), "--kinds", "rain,dog", "--count", "1", "--size", "64", "--seconds", "1");
        Assert.Equal(0, Train("whole"));

        // Ended after its first update, and gone on with.
        using CancellationTokenSource source = new();
        Assert.Equal(130, Train("parts", resume: false, new LineWatcher("update 1 of 2", source.Cancel), source.Token));
        Assert.Equal(0, Train("parts", resume: true));
        foreach (string name in (string[])["embedder.safetensors", "lora.safetensors", "log.csv"])
            Assert.Equal(File.ReadAllBytes(PathOf("whole/" + name)), File.ReadAllBytes(PathOf("parts/" + name)));
    });

    private int Train(string folder, bool resume = false, StringWriter? error = null, CancellationToken cancellation = default) => Run(
        [
            "train", PathOf("data"), "-m", PathOf("model.safetensors"), "--out", PathOf(folder), "--steps", "2", "--batch", "1", "--save-every", "1", "--window", "1",
            "--width", "64", "--height", "64", "--lora-rank", "2", "--device", "cuda", .. resume ? (string[])["--resume"] : [],
        ],
        error,
        cancellation);

    private static int Run(params string[] args) => Run(args, null, default);

    private static int Run(string[] args, StringWriter? error, CancellationToken cancellation)
    {
        using StringWriter text = error ?? new StringWriter();
        Terminal terminal = new() { OpenInput = () => Stream.Null, Output = Stream.Null, Error = text };
        int exit = CommandLine.RunAsync(args, terminal, cancellation).GetAwaiter().GetResult();
        Assert.True(exit is 0 or 130, $"{args[0]} ended with {exit}: {text}");
        return exit;
    }

    private string PathOf(string name) => Path.Combine(_folder, name);
}
