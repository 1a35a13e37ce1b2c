using AudioToken.Cli.Output;
using AudioToken.Pipelines;

namespace AudioToken.Cli.Commands;

/// <summary>The drawing and writing of the pictures of one command.</summary>
internal sealed class GenerateRun(
    AudioToImagePipeline pipeline, IReadOnlyList<GenerationRequest> calls, GenerateReport report, OutputPlan? plan, bool withMetadata, Messages messages, Terminal terminal)
{
    /// <summary>Makes call after call and writes each picture as soon as it is there.</summary>
    public async Task DrawAsync(IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        int first = 0, pictures = calls.Sum(call => call.Count);
        IReadOnlyList<SoundInput>? heard = null;
        IReadOnlyList<ReadOnlyMemory<float>> tokens = [];
        foreach (GenerationRequest call in calls)
        {
            // Sounds that the call before had are heard once.
            GenerationRequest next = ReferenceEquals(call.Sounds, heard) ? call.WithTokens(tokens) : call;
            tokens = await DrawAsync(next, first, progress is null || calls.Count == 1 ? progress : new Part(progress, first, pictures), cancellation).ConfigureAwait(false);
            heard = call.Sounds;
            first += call.Count;
        }
    }

    // Gives the sounds' audio tokens.
    private async Task<IReadOnlyList<ReadOnlyMemory<float>>> DrawAsync(GenerationRequest call, int first, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        GenerationResult result = await pipeline.GenerateAsync(call, progress, cancellation).ConfigureAwait(false);
        report.Add(result.Times);
        foreach (string warning in result.Warnings)
            messages.Warn(warning);
        for (int i = 0; i < result.Images.Count; i++)
            Write(result.Images[i], first + i);
        return result.AudioTokens;
    }

    private void Write(GeneratedImage image, int index)
    {
        report.ModelHash = image.Parameters.ModelHash;
        WrittenPicture picture = new(image, withMetadata ? image.Parameters.ToPngTexts() : []);
        report.Add(picture);
        try
        {
            if (plan is null)
            {
                picture.Write(terminal.Output);
                return;
            }

            plan.Write(picture, index);
            if (picture.Path != plan.Paths[index])
                messages.Warn($"'{plan.Paths[index]}' appeared meanwhile and is kept");
        }
        catch
        {
            messages.Note(FormattableString.Invariant($"the picture is lost; --seed {picture.Seed} draws it again (sha256 of its pixels: {picture.PixelHash})"));
            throw;
        }

        messages.Note(FormattableString.Invariant($"wrote {picture.Path} ({picture.Size}, seed {picture.Seed})"));
    }

    /// <summary>One call's reports as part of a run of several pictures.</summary>
    private sealed class Part(IProgress<GenerationProgress> whole, int image, int images) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => whole.Report(value with { Image = image, Images = images });
    }
}
