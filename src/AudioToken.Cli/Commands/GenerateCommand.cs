using System.CommandLine;
using AudioToken.Cli.Options;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using TraceLevel = AudioToken.Pipelines.TraceLevel;

namespace AudioToken.Cli.Commands;

/// <summary>Sounds to pictures.</summary>
internal sealed class GenerateCommand
{
    private readonly SoundOptions _sounds;
    private readonly Drawing _drawing;
    private readonly Option<string?> _trace = new("--trace") { Description = "write the tensors of every stage to a safetensors file; all pictures are then drawn in one call", HelpName = "FILE" };
    private readonly Option<string?> _traceLevel = Checked.Word("--trace-level", [], "stage leaves the tensors of single UNet calls out (default all)", "all", "stage");

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "draw nothing: check everything, and show what would be done and how much memory it takes" };

    private GenerateCommand(Terminal terminal) => (_sounds, _drawing) = (new SoundOptions(terminal, GenerationRequest.MaxSounds), new Drawing(terminal, "rain.png"));

    public static Command Create(Terminal terminal)
    {
        GenerateCommand self = new(terminal);
        Command command = new("generate", "draw pictures of a sound");
        self._sounds.AddTo(command);
        self._drawing.AddTo(command);
        command.Options.Add(self._trace);
        command.Options.Add(self._traceLevel);
        command.Options.Add(self._dryRun);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        // All that can be refused is refused before anything long begins.
        DrawingJob job = _drawing.Begin(parsed);
        GenerationRequest request = job.Request with { Trace = Trace(parsed) };
        _drawing.CheckStandardOutput(parsed, request.Count);
        bool dry = parsed.GetValue(_dryRun);

        // The model loads beside the sounds, which may come from a microphone; what is wrong with them is told first, whichever is found first.
        Func<ModelLoading>? load = dry ? null : _drawing.Loader(parsed, job);
        Task<IReadOnlyList<Sound>> reading = _sounds.ReadAsync(parsed, job.Messages, cancellation);
        using ModelLoading? loading = reading.IsCompleted ? null : load?.Invoke();
        IReadOnlyList<Sound> sounds = await reading.ConfigureAwait(false);
        request = request with { Sounds = [.. sounds.Select(sound => sound.ToInput())] };
        IReadOnlyList<GenerationRequest> calls = request.Trace is null ? EachPicture(request) : [request];
        job = job with
        {
            Request = request,
            Sounds = sounds,
            Loading = loading,
            Plan = _drawing.Plan(parsed, string.Join('-', sounds.Select(sound => sound.Stem)), request.Count),
            TracePlan = parsed.GetValue(_trace) is { } trace ? _drawing.PlanBeside(parsed, trace) : null,
            Calls = (_, _) => Task.FromResult(calls),
        };
        RefuseOnePlace(job);
        return dry
            ? await _drawing.PlanAsync(parsed, job, calls, cancellation).ConfigureAwait(false)
            : await _drawing.RunAsync(parsed, job, cancellation).ConfigureAwait(false);
    }

    // One would replace the other.
    private static void RefuseOnePlace(DrawingJob job)
    {
        if (job.TracePlan is { Paths: [var trace] } && job.Plan?.Paths.FirstOrDefault(path => Path.GetFullPath(path) == Path.GetFullPath(trace)) is { } picture)
            throw new AudioTokenException(ErrorCode.Usage, $"'{picture}' is named for a picture and for its trace", "another name with --trace");
    }

    // Picture by picture, so that each is written as soon as it is there.
    private static GenerationRequest[] EachPicture(GenerationRequest request)
    {
        int latents = request.Latents.Length / request.Count;
        return
        [
            .. Enumerable.Range(0, request.Count).Select(i => request with
            {
                Seed = unchecked(request.Seed + (ulong)i),
                Count = 1,
                Latents = request.Latents.Slice(i * latents, latents),
            }),
        ];
    }

    private GenerationTrace? Trace(ParseResult parsed)
    {
        string? level = parsed.GetValue(_traceLevel);
        if (parsed.GetValue(_trace) is not null)
            return new GenerationTrace(level == "stage" ? TraceLevel.Stage : TraceLevel.All);
        return level is null ? null : throw new AudioTokenException(ErrorCode.Usage, "--trace-level is given without --trace", "--trace FILE");
    }
}
