using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;

namespace AudioToken.Cli.Commands;

/// <summary>What a command that draws has settled before anything long begins.</summary>
internal sealed record DrawingJob
{
    /// <summary>Where notes and warnings go.</summary>
    public required Messages Messages { get; init; }

    /// <summary>What computes.</summary>
    public required ComputeDevice Device { get; init; }

    /// <summary>The request; its sounds and its trace are the command's to add.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>What is heard, for the report.</summary>
    public IReadOnlyList<Sound> Sounds { get; init; } = [];

    /// <summary>Where the pictures go; null for standard output.</summary>
    public OutputPlan? Plan { get; init; }

    /// <summary>Where the trace goes, if there is one.</summary>
    public OutputPlan? TracePlan { get; init; }

    /// <summary>The model, where it loads already; the command's to dispose of.</summary>
    public ModelLoading? Loading { get; init; }

    /// <summary>The calls to make once the model is there, in the order of their pictures.</summary>
    public Func<AudioToImagePipeline, CancellationToken, Task<IReadOnlyList<GenerationRequest>>> Calls { get; init; } =
        (_, _) => Task.FromResult<IReadOnlyList<GenerationRequest>>([]);
}
