using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Pipelines;

/// <summary>What a generation would do and take, found without reading weights or computing.</summary>
/// <remarks>The requests run on a backend that counts its memory and does nothing else, so that what is counted here is what a run takes from its
/// device for weights and tensors. Not counted: the program itself, sounds, pictures and traces on the host, the threads' own buffers (a few MB each),
/// and a picture's second decode in fp32, which nobody sees coming (<see cref="ITensorOps.Widen"/>).</remarks>
public sealed record MemoryPlan
{
    private MemoryPlan()
    {
    }

    /// <summary>What would be loaded.</summary>
    public required ModelInfo Model { get; init; }

    /// <summary>Pixels of a picture, as of all that follows where calls differ: the first one's.</summary>
    public required (int Width, int Height) Size { get; init; }

    /// <summary>The sampler in words that other programs know, e.g. <c>DPM++ 2M Karras</c>.</summary>
    public required string Sampler { get; init; }

    /// <summary>Calls of the UNet for a picture.</summary>
    public required int UnetCalls { get; init; }

    /// <summary>The prompt, with a placeholder for each sound.</summary>
    public required string Prompt { get; init; }

    /// <summary>Bytes of each component's weights at rest, in the order of loading. A LoRA is part of the UNet.</summary>
    public required IReadOnlyList<(ModelComponent Component, long Bytes)> Weights { get; init; }

    /// <summary>The most bytes of tensors that live at a time in each stage, working memory of operations among them.</summary>
    public required IReadOnlyList<(GenerationPhase Stage, long Bytes)> Stages { get; init; }

    /// <summary>The most bytes held for tensors at a time: live ones, and those that wait to be used again.</summary>
    public required long TensorBytes { get; init; }

    /// <summary>What the calls would warn of.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Bytes of all weights.</summary>
    public long WeightBytes => Weights.Sum(part => part.Bytes);

    /// <summary>Weights and tensors at their peak.</summary>
    public long PeakBytes => WeightBytes + TensorBytes;

    /// <summary>Plans a run of one or more calls.</summary>
    /// <param name="files">The model.</param>
    /// <param name="ops">Counts; stays the caller's and must be fresh.</param>
    /// <param name="calls">At least one, in their order; sounds that the call before had are heard once. Traces are left empty.</param>
    /// <param name="options">As for loading.</param>
    /// <param name="cancellation">Ends the plan.</param>
    /// <exception cref="AudioTokenException">What loading or generating would refuse before it computes.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled.</exception>
    public static MemoryPlan Make(
        ModelFiles files, CountingOps ops, IReadOnlyList<GenerationRequest> calls, LoadOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(calls);
        ArgumentNullException.ThrowIfNull(options);
        List<(ModelComponent, long)> weights = [];
        long loaded = 0;
        using LoadedModel model = LoadedModel.Load(files, ops, options with { HashModel = false }, component =>
        {
            weights.Add((component, ops.Memory.WeightBytes - loaded));
            loaded = ops.Memory.WeightBytes;
        });
        GenerationPlan[] plans = [.. calls.Select(call => GenerationPlan.Make(call, model))];
        StagePeaks peaks = new(ops);
        GenerationRequest? before = null;
        foreach (GenerationPlan plan in plans)
        {
            // A trace shows all pictures in one call; itself it lies on the host.
            GenerationRequest call = plan.Request, counted = call with { Trace = null, BatchSize = call.Trace is null ? call.BatchSize : call.Count };
            if (ReferenceEquals(call.Sounds, before?.Sounds))
                counted = counted.WithTokens([.. call.Sounds.Select(_ => (ReadOnlyMemory<float>)new float[model.Info.TokenWidth])]);
            new Generation(ops, model, plan with { Request = counted }, peaks, cancellation).Run();
            before = call;
        }

        return new MemoryPlan
        {
            Model = model.Info,
            Size = (plans[0].Width, plans[0].Height),
            Sampler = plans[0].SamplerTitle,
            UnetCalls = plans[0].Steps.Steps.Length,
            Prompt = plans[0].Prompt,
            Weights = weights,
            Stages = peaks.Found,
            TensorBytes = ops.Memory.PeakHeldBytes,
            Warnings = [.. plans.SelectMany(plan => plan.Warnings).Distinct()],
        };
    }

    // A stage's peak is known when the next one begins; of several batches and calls the highest counts.
    private sealed class StagePeaks(CountingOps ops) : IProgress<GenerationProgress>
    {
        private readonly SortedDictionary<GenerationPhase, long> _peaks = [];
        private GenerationPhase? _present;

        public IReadOnlyList<(GenerationPhase, long)> Found => [.. _peaks.Select(peak => (peak.Key, peak.Value))];

        public void Report(GenerationProgress value)
        {
            if (value.Phase == _present)
                return;
            if (_present is { } ended and not GenerationPhase.Done)
                _peaks[ended] = Math.Max(_peaks.GetValueOrDefault(ended), ops.Memory.PeakLiveBytes);
            ops.ResetPeak();
            _present = value.Phase;
        }
    }
}
