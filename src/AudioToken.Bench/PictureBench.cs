using System.Diagnostics;
using AudioToken.Audio;
using AudioToken.Bench.Synthetic;
using AudioToken.Pipelines;
using AudioToken.Sampling;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>Times whole pictures by the host's clock: from samples in its memory to pixels there.</summary>
public sealed class PictureBench : IDisposable
{
    /// <summary>Name of the stage.</summary>
    public const string Name = "image";

    private static readonly (string Sampler, GenerationRequest Request)[] s_pictures =
    [
        ("pndm-50", new GenerationRequest { Seed = 1, Sampler = SamplerKind.Pndm, Steps = 50 }),
        ("lcm-4", new GenerationRequest { Seed = 1, Sampler = SamplerKind.Lcm, Steps = 4, GuidanceScale = 1 }), // distilled models want no guidance
    ];

    private readonly BenchDevice _device;
    private readonly AudioToImagePipeline _pipeline;
    private readonly int _samples;

    /// <summary>Loads the model.</summary>
    /// <param name="device">What is measured; stays the caller's.</param>
    /// <param name="model">The weights.</param>
    /// <param name="cancellation">Ends a measurement within one operation.</param>
    public PictureBench(BenchDevice device, BenchModel model, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(model);
        (_device, _samples) = (device, model.Size.Seconds * Fbank.SampleRateHz);
        long start = Stopwatch.GetTimestamp();
        _pipeline = AudioToImagePipeline.Load(model.Files, new CancellableOps(device.Ops, cancellation), new LoadOptions { LoraScale = 0, HashModel = false });
        LoadSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>What is measured.</summary>
    public static IEnumerable<string> Names => s_pictures.Select(picture => $"{Name}-{picture.Sampler}");

    /// <summary>Until the model was loaded.</summary>
    public double LoadSeconds { get; }

    /// <summary>Draws one picture uncounted, then measures.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="repetitions">At least 1.</param>
    /// <param name="cancellation">Looked at within a picture.</param>
    public StageMeasurement Measure(string name, int repetitions, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(repetitions, 1);
        float[] samples = [.. WeightFormula.Uniform("bench/samples", [_samples]).Select(sample => 0.1f * sample)];
        GenerationRequest request = s_pictures.Single(picture => $"{Name}-{picture.Sampler}" == name).Request with { Samples = samples };
        long? kernels = _device.Launches;
        _pipeline.Generate(request, cancellation: cancellation);
        kernels = _device.Launches - kernels;
        if (!_device.HasTimes)
            return new StageMeasurement(name, null, null, 0, kernels, null, [], null);
        double[] seconds = new double[repetitions];
        for (int i = 0; i < repetitions; i++)
        {
            long start = Stopwatch.GetTimestamp();
            _pipeline.Generate(request, cancellation: cancellation);
            seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        return new StageMeasurement(name, Spread.Of(seconds), LoadSeconds, 0, kernels, null, [], null);
    }

    /// <summary>Frees the model.</summary>
    public void Dispose() => _pipeline.Dispose();
}
