using System.CommandLine;
using System.Diagnostics;
using AudioToken.Backends.Cpu;
using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.Weights;
using TraceLevel = AudioToken.Pipelines.TraceLevel;

namespace AudioToken.Cli.Commands;

/// <summary>A sound to pictures.</summary>
internal sealed class GenerateCommand
{
    private readonly Terminal _terminal;
    private readonly SoundOptions _sound;
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly PictureOptions _picture = new();
    private readonly OutputOptions _output = new("PNG file; of several pictures FILE-1.png, FILE-2.png, …; '-' writes one to standard output", ".png", "rain.png");
    private readonly MessageOptions _messages = new();

    private readonly Option<string[]> _token = new("--token") { Description = "an audio token made by 'encode', in place of SOUND; several, in the order of their placeholders", HelpName = "FILE" };
    private readonly Option<float[]> _weight = new("--audio-weight")
    {
        Description = "how strongly the sound is meant, 0 to 10 (default 1); of several sounds, one weight for all or one for each",
        HelpName = "X",
        CustomParser = result => [.. result.Tokens.Select(token => Checked.Parse("--audio-weight", token.Value, 0f, 10f))],
    };
    private readonly Option<bool> _noMetadata = new("--no-metadata") { Description = "leave prompt, seed and the other settings out of the pictures" };
    private readonly Option<string?> _trace = new("--trace") { Description = "write the tensors of every stage to a safetensors file; all pictures are then drawn in one call", HelpName = "FILE" };
    private readonly Option<string?> _traceLevel = Checked.Word("--trace-level", [], "stage leaves the tensors of single UNet calls out (default all)", "all", "stage");

    private GenerateCommand(Terminal terminal) =>
        (_terminal, _sound, _model, _device) = (terminal, new SoundOptions(terminal, GenerationRequest.MaxSounds), new ModelOptions(terminal), new DeviceOptions(terminal));

    public static Command Create(Terminal terminal)
    {
        GenerateCommand self = new(terminal);
        Command command = new("generate", "draw pictures of a sound");
        self._sound.AddTo(command);
        command.Options.Add(self._token);
        command.Options.Add(self._weight);
        self._model.AddTo(command);
        self._picture.AddTo(command);
        self._output.AddTo(command);
        command.Options.Add(self._noMetadata);
        command.Options.Add(self._trace);
        command.Options.Add(self._traceLevel);
        self._device.AddTo(command);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        // All that can be refused is refused before anything long begins.
        Messages messages = _messages.Messages(parsed, _terminal);
        CpuOptions device = _device.Choose(parsed, messages);
        bool json = _messages.Json(parsed);
        GenerationRequest request = _picture.Request(parsed, messages) with { Trace = Trace(parsed) };
        CheckStandardOutput(parsed, request.Count, json);
        IReadOnlyList<Sound> sounds = await SoundsAsync(parsed, messages, cancellation).ConfigureAwait(false);
        float[] weights = Weights(parsed, sounds.Count);
        OutputPlan? plan = _output.ToStandardOutput(parsed) ? null : _output.Plan(parsed, string.Join('-', sounds.Select(sound => sound.Stem)), request.Count);
        OutputPlan? tracePlan = parsed.GetValue(_trace) is { } trace ? _output.PlanBeside(parsed, trace) : null;
        using ModelFiles files = _model.Open(parsed);
        ModelOptions.Tell(files, messages);

        request = request with { Sounds = [.. sounds.Zip(weights, (sound, weight) => sound.ToInput(weight))] };
        GenerateReport report = new()
        {
            Sounds = sounds, Model = files.Name, Note = files.Note, Device = CpuOps.DeviceName, Threads = device.Threads, Seed = request.Seed,
        };
        try
        {
            bool withMetadata = !parsed.GetValue(_noMetadata);
            LoadOptions options = _model.LoadOptions(parsed) with { HashModel = withMetadata };
            Stopwatch clock = Stopwatch.StartNew();
            await using AudioToImagePipeline pipeline = await Loading.LoadAsync(files, device, options, cancellation).ConfigureAwait(false);
            report.Loading = clock.Elapsed;
            GenerateRun run = new(pipeline, request, report, plan, withMetadata, messages, _terminal);
            try
            {
                await ProgressBar.RunAsync(_terminal, messages, progress => run.DrawAsync(progress, cancellation)).ConfigureAwait(false);
            }
            catch (NumericFaultException)
            {
                SaveTrace(request.Trace, tracePlan, messages); // it shows where the fault began
                throw;
            }

            SaveTrace(request.Trace, tracePlan, messages);
        }
        catch (Exception exception) when (json && report.HasPictures && (exception is AudioTokenException or OperationCanceledException))
        {
            // Work is done that the caller should be able to repeat or find: it is told beside the error.
            JsonLine.Write(_terminal.Output, writer =>
            {
                ErrorReport.WriteFields(writer, exception);
                report.WriteTo(writer, messages.Warnings);
            });
            ErrorReport.For(parsed.Tokens.Select(token => token.Value), _terminal).WriteText(exception);
            return ExitCode.Of(exception);
        }

        messages.Note(report.Timings);
        if (json)
            JsonLine.Write(_terminal.Output, writer => report.WriteTo(writer, messages.Warnings));
        return ExitCode.Done;
    }

    private GenerationTrace? Trace(ParseResult parsed)
    {
        string? level = parsed.GetValue(_traceLevel);
        if (parsed.GetValue(_trace) is not null)
            return new GenerationTrace(level == "stage" ? TraceLevel.Stage : TraceLevel.All);
        return level is null ? null : throw new AudioTokenException(ErrorCode.Usage, "--trace-level is given without --trace", "--trace FILE");
    }

    private void CheckStandardOutput(ParseResult parsed, int count, bool json)
    {
        if (!_output.ToStandardOutput(parsed))
            return;
        if (json)
            throw new AudioTokenException(ErrorCode.Usage, "-o - and --json both want standard output", "-o FILE");
        if (count > 1)
            throw new AudioTokenException(ErrorCode.Usage, $"-o - writes one picture, but {count} are asked for", "-b 1, or -o FILE");
    }

    private async Task<IReadOnlyList<Sound>> SoundsAsync(ParseResult parsed, Messages messages, CancellationToken cancellation)
    {
        if (parsed.GetValue(_token) is not { Length: > 0 } paths)
            return await _sound.ReadAsync(parsed, messages, cancellation).ConfigureAwait(false);
        if (_sound.Names(parsed) is [string name, ..])
            throw new AudioTokenException(ErrorCode.Usage, $"both a sound ('{name}') and --token are given", "one of the two");
        List<Sound> sounds = [];
        foreach (string path in paths)
        {
            Sound sound = TokenFile.Read(path);
            messages.Note($"sound: {sound.Name}: {sound.Description}");
            sounds.Add(sound with { Stem = "token" });
        }

        return sounds;
    }

    private float[] Weights(ParseResult parsed, int sounds)
    {
        float[] weights = parsed.GetValue(_weight) ?? [];
        return weights.Length == sounds ? weights
            : weights.Length <= 1 ? [.. Enumerable.Repeat(weights is [float all] ? all : 1, sounds)]
            : throw new AudioTokenException(ErrorCode.Usage, $"--audio-weight is given {weights.Length} times, but there {(sounds == 1 ? "is one sound" : $"are {sounds} sounds")}", "one weight for all, or one for each");
    }

    private static void SaveTrace(GenerationTrace? trace, OutputPlan? plan, Messages messages)
    {
        if (trace is null || plan is null)
            return;
        string path = plan.Claim(0);
        trace.Save(path);
        messages.Note($"wrote {path}");
    }
}
