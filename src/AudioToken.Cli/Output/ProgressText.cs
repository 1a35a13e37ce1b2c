using System.Globalization;
using AudioToken.Pipelines;

namespace AudioToken.Cli.Output;

/// <summary>Words and figures of the progress bar.</summary>
internal sealed class ProgressText
{
    private TimeSpan? _start;
    private int _startSteps;

    /// <summary>Steps done of all pictures together.</summary>
    public int Done { get; private set; }

    /// <summary>Steps of all pictures together, at least 1.</summary>
    public int Total { get; private set; } = 1;

    /// <summary>Takes a report and gives the line: phase, step, time left.</summary>
    /// <param name="progress">The report; <c>Image</c> and <c>Images</c> count all pictures of the run.</param>
    /// <param name="elapsed">Time since the run began.</param>
    public string Next(GenerationProgress progress, TimeSpan elapsed)
    {
        Total = Math.Max(1, progress.Steps * progress.Images);
        Done = progress.Phase switch
        {
            GenerationPhase.EncodingSound or GenerationPhase.EncodingText or GenerationPhase.Denoising => progress.Image * progress.Steps + progress.Step,
            GenerationPhase.Decoding => (progress.Image + 1) * progress.Steps,
            _ => Done,
        };
        string picture = progress.Images > 1 ? string.Create(CultureInfo.InvariantCulture, $"picture {progress.Image + 1}/{progress.Images}: ") : "";
        return picture + progress.Phase switch
        {
            GenerationPhase.EncodingSound => "hearing",
            GenerationPhase.EncodingText => "reading the prompt",
            GenerationPhase.Denoising => string.Create(CultureInfo.InvariantCulture, $"step {progress.Step}/{progress.Steps}") + Left(elapsed),
            GenerationPhase.Decoding => "decoding",
            _ => "done",
        };
    }

    // From the speed of the steps alone: hearing and reading come once.
    private string Left(TimeSpan elapsed)
    {
        if (_start is not { } start)
        {
            (_start, _startSteps) = (elapsed, Done);
            return "";
        }

        int done = Done - _startSteps;
        if (done <= 0)
            return "";
        TimeSpan left = (elapsed - start) / done * (Total - Done);
        return left.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $", {(int)left.TotalHours}:{left:mm\\:ss} left") : string.Create(CultureInfo.InvariantCulture, $", {left:mm\\:ss} left");
    }
}
