using AudioToken.Cli.Output;
using AudioToken.Pipelines;

namespace AudioToken.Cli.Commands;

/// <summary>The drawing and writing of one 'generate'.</summary>
internal sealed class GenerateRun(
    AudioToImagePipeline pipeline, GenerationRequest request, GenerateReport report, OutputPlan? plan, bool withMetadata, Messages messages, Terminal terminal)
{
    /// <summary>Draws picture by picture and writes each as soon as it is there; all in one call if a trace is wanted.</summary>
    public async Task DrawAsync(IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        if (request.Trace is not null)
        {
            await DrawAsync(request, 0, progress, cancellation).ConfigureAwait(false);
            return;
        }

        GenerationRequest rest = request;
        int latents = request.Latents.Length / request.Count;
        for (int i = 0; i < request.Count; i++)
        {
            GenerationRequest one = rest with
            {
                Seed = unchecked(request.Seed + (ulong)i),
                Count = 1,
                Latents = request.Latents.Slice(i * latents, latents),
            };
            // The sounds are heard once.
            rest = rest.WithTokens(await DrawAsync(one, i, progress is null ? null : new Part(progress, i, request.Count), cancellation).ConfigureAwait(false));
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

            string path = plan.Claim(index);
            if (path != plan.Paths[index])
                messages.Warn($"'{plan.Paths[index]}' appeared meanwhile and is kept");
            picture.Save(path);
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
