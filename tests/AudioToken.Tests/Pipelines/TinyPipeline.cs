using AudioToken.Backends.Cpu;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Testing;
using AudioToken.Weights;
using Xunit;

namespace AudioToken.Tests.Pipelines;

/// <summary>The small recorded model on disk, opened once for all tests of a class; pipelines on it; a request that is quick to draw.</summary>
public sealed class TinyPipeline : IDisposable
{
    private readonly TinyModel _model = new();

    public TinyPipeline() => Files = _model.Open();

    public ModelFiles Files { get; }

    /// <summary>BEATs and embedder, for copies of the model's folder.</summary>
    public ModelFilesOptions PartsOutside => _model.Options;

    /// <summary>Half a second of a tone that rises and swells.</summary>
    public static float[] Sound { get; } = [.. Enumerable.Range(0, 8000).Select(i => i / 16000f * MathF.Sin(i * (0.05f + i * 2e-5f)))];

    /// <summary>Three guided steps of 64x64.</summary>
    public static GenerationRequest Request { get; } = new() { Samples = Sound, Seed = 11, Steps = 3, Width = 64, Height = 64, Sampler = SamplerKind.Ddim };

    public static CancellationToken TestEnd => TestContext.Current.CancellationToken;

    public static CpuOps NewOps(int threads = 1) => new(new CpuOptions { Threads = threads });

    public AudioToImagePipeline Load() => AudioToImagePipeline.Load(Files, NewOps());

    internal AudioToImagePipeline Load(ScriptedOps ops) => AudioToImagePipeline.Load(Files, ops);

    /// <summary>The pictures of a request by a pipeline that has done nothing before.</summary>
    public byte[][] Fresh(GenerationRequest request)
    {
        using AudioToImagePipeline pipeline = Load();
        return Bytes(pipeline.Generate(request, cancellation: TestEnd));
    }

    public static byte[][] Bytes(GenerationResult result) => [.. result.Images.Select(image => image.Pixels.Rgb.ToArray())];

    public void Dispose()
    {
        Files.Dispose();
        _model.Dispose();
    }
}

/// <summary>Hands progress on at once, on the thread that reports it.</summary>
internal sealed class Listener(Action<GenerationProgress> onReport) : IProgress<GenerationProgress>
{
    public void Report(GenerationProgress value) => onReport(value);
}
