using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using AudioToken.Testing;
using AudioToken.Weights;
using AudioToken.World;
using AudioToken.World.Classifiers;
using Xunit;

namespace AudioToken.Golden.Tests;

/// <summary>The model that the repository draws with draws what it hears, and its sounds are what their recipe gives.</summary>
/// <remarks>With AUDIOTOKEN_REGENERATE=1 the sounds are written anew in the working tree instead of compared.</remarks>
public sealed class DemonstrationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("audiotoken-demo-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Recorded: the judgement of 600 pictures in the model's README. Of a model that draws four of five rightly, fewer than 8 of 16 are right once in 700 times; by chance
    // 8 are right once in 500,000.
    [Fact]
    public void Model_DrawsWhatItHears()
    {
        Assert.SkipWhen(Repository.Root is null, "not run from a working tree");
        using ModelFiles files = ModelFiles.Open(Path.Combine(Repository.Root!, "src", "AudioToken.Cli", "Demo", "demo.safetensors"));
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, new CpuOps());
        JudgementSettings settings = new() { Pictures = WorldKinds.All.Count, WrongPictures = 0, Steps = 12, LearnOfEach = 40 };
        ModelJudgement judgement = ModelJudgement.Run(pipeline, settings, cancellation: TestContext.Current.CancellationToken);
        Assert.True(judgement.Right.Right >= 8, judgement.Right.ToString());
    }

    [Fact]
    public void APictureDecodedInStrips_IsTheWholeOne()
    {
        Assert.SkipWhen(Repository.Root is null, "not run from a working tree");
        using ModelFiles files = ModelFiles.Open(Path.Combine(Repository.Root!, "src", "AudioToken.Cli", "Demo", "demo.safetensors"));
        using AudioToImagePipeline pipeline = AudioToImagePipeline.Load(files, new CpuOps());
        GenerationRequest request = new() { Samples = Array.ConvertAll(Enumerable.Range(0, 16000).ToArray(), i => MathF.Sin(i * 0.3f)), Seed = 7, Steps = 12, GuidanceScale = 1, Width = 256, Height = 192 };
        float[] Picture(bool tiled)
        {
            GenerationTrace trace = new(TraceLevel.Stage);
            pipeline.Generate(request with { TiledVae = tiled, Trace = trace }, cancellation: TestContext.Current.CancellationToken);
            return trace["image"].Values;
        }

        float[] whole = Picture(tiled: false), strips = Picture(tiled: true);
        TestContext.Current.TestOutputHelper?.WriteLine($"largest difference {whole.Zip(strips, (a, b) => Math.Abs((double)a - b)).Max():g3} of 1");
        TensorAssert.MaxAbs(whole, strips, 1.0 / 255, "picture");

        // What two orders of summation over the network may differ by, half as much in [0, 1] as in the decoder's [-1, 1]: there are no seams.
        TensorAssert.MaxAbs(whole, strips, 1e-4, "picture");
    }

    [Theory]
    [InlineData("rain")]
    [InlineData("bell")]
    [InlineData("birdsong")]
    public void Sounds_AreWhatTheSynthesiserGives(string name)
    {
        string made = Path.Combine(_folder, name + ".wav");
        using (FileStream stream = File.Create(made))
            DemoSounds.Write(name, stream);
        Compare(made, name + ".wav");
    }

    private static void Compare(string made, string name)
    {
        Assert.SkipWhen(Repository.Root is null, "not run from a working tree");
        string shipped = Path.Combine(Repository.Root!, "src", "AudioToken.Cli", "Demo", name);
        if (Environment.GetEnvironmentVariable("AUDIOTOKEN_REGENERATE") == "1")
            File.Copy(made, shipped, overwrite: true);
        byte[] expected = File.ReadAllBytes(made), actual = File.ReadAllBytes(shipped);
        Assert.True(expected.AsSpan().SequenceEqual(actual), $"{name} differs from what its recipe gives; AUDIOTOKEN_REGENERATE=1 writes it anew.");
    }
}
