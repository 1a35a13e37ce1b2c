using System.CommandLine;
using AudioToken.Cli.Options;
using AudioToken.Cli.Output;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.Commands;

/// <summary>What the commands that draw have in common: model, picture, device and output, and a run that tells what became of it.</summary>
internal sealed class Drawing
{
    private const int CallsUntilSettled = 5;

    private readonly Terminal _terminal;
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly PictureOptions _picture = new();
    private readonly OutputOptions _output;
    private readonly MessageOptions _messages = new();
    private readonly Option<bool> _noMetadata = new("--no-metadata") { Description = "leave prompt, seed and the other settings out of the pictures" };

    public Drawing(Terminal terminal, string defaultName)
    {
        (_terminal, _model, _device) = (terminal, new ModelOptions(terminal), new DeviceOptions(terminal));
        _output = new OutputOptions("PNG file; of several pictures FILE-1.png, FILE-2.png, …; '-' writes one to standard output", ".png", defaultName);
    }

    public void AddTo(Command command)
    {
        _model.AddTo(command);
        _picture.AddTo(command);
        _output.AddTo(command);
        command.Options.Add(_noMetadata);
        _device.AddTo(command);
        _messages.AddTo(command);
    }

    /// <summary>Reads the options.</summary>
    /// <exception cref="AudioTokenException">A value is out of range or contradicts another (2xxx), or there is no such device.</exception>
    public DrawingJob Begin(ParseResult parsed)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        return new DrawingJob { Messages = messages, Device = _device.Choose(parsed, messages), Request = _picture.Request(parsed, _model.IsDemonstration(parsed) ? PictureDefaults.Demonstration : PictureDefaults.Usual, messages) };
    }

    /// <summary>Refuses more than standard output can hold.</summary>
    public void CheckStandardOutput(ParseResult parsed, int count)
    {
        if (!_output.ToStandardOutput(parsed))
            return;
        if (_messages.Json(parsed))
            throw new AudioTokenException(ErrorCode.Usage, "-o - and --json both want standard output", "-o FILE");
        if (count > 1)
            throw new AudioTokenException(ErrorCode.Usage, $"-o - writes one picture, but {count} are asked for", "-b 1, or -o FILE");
    }

    /// <summary>Settles the names of the pictures; null for standard output.</summary>
    public OutputPlan? Plan(ParseResult parsed, string stem, int count) => _output.ToStandardOutput(parsed) ? null : _output.Plan(parsed, stem, count);

    /// <inheritdoc cref="OutputOptions.PlanBeside"/>
    public OutputPlan PlanBeside(ParseResult parsed, string path) => _output.PlanBeside(parsed, path);

    /// <summary>What begins to load the model, or null where the command line names none: that is for <see cref="RunAsync"/> to tell, after what comes before it.</summary>
    public Func<ModelLoading>? Loader(ParseResult parsed, DrawingJob job)
    {
        try
        {
            return _model.Loader(parsed, job.Device, WithMetadata(parsed));
        }
        catch (AudioTokenException)
        {
            return null;
        }
    }

    /// <summary>Loads the model, unless the job has it, draws, writes, and tells of it.</summary>
    public async Task<int> RunAsync(ParseResult parsed, DrawingJob job, CancellationToken cancellation)
    {
        Messages messages = job.Messages;
        cancellation.ThrowIfCancellationRequested();
        using ModelLoading? own = job.Loading is null ? _model.Load(parsed, job.Device, WithMetadata(parsed)) : null;
        ModelLoading loading = job.Loading ?? own!;
        ModelFiles files = await loading.OpenedAsync(cancellation).ConfigureAwait(false);
        ModelOptions.Tell(files, messages);
        GenerateReport report = new()
        {
            Sounds = job.Sounds, Model = files.Name, Note = files.Note, Device = job.Device.Name, Threads = job.Device.Threads, Seed = job.Request.Seed,
        };
        bool json = _messages.Json(parsed);
        try
        {
            bool withMetadata = WithMetadata(parsed);
            AudioToImagePipeline pipeline = await loading.LoadedAsync(cancellation).ConfigureAwait(false);
            report.Loading = loading.Time;
            IReadOnlyList<GenerationRequest> requests = await job.Calls(pipeline, cancellation).ConfigureAwait(false);
            GenerateRun run = new(pipeline, requests, report, job.Plan, withMetadata, messages, _terminal);
            try
            {
                await ProgressBar.RunAsync(_terminal, messages, progress => run.DrawAsync(progress, cancellation)).ConfigureAwait(false);
            }
            catch (NumericFaultException)
            {
                SaveTrace(job); // it shows where the fault began
                throw;
            }

            SaveTrace(job);
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

    /// <summary>Checks the model, and tells what would be done and how much memory it takes.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="job">What is settled.</param>
    /// <param name="calls">What would be drawn, a call at a time.</param>
    /// <param name="cancellation">Ends the plan.</param>
    public async Task<int> PlanAsync(ParseResult parsed, DrawingJob job, IReadOnlyList<GenerationRequest> calls, CancellationToken cancellation)
    {
        using ModelFiles files = _model.Open(parsed);
        ModelOptions.Tell(files, job.Messages);
        using CountingOps ops = job.Device.Count();

        // The calls differ in seed and noise alone, and from the fifth on each finds the memory that those before it left.
        GenerationRequest[] counted = [.. calls.Take(CallsUntilSettled)];
        MemoryPlan plan = await Task.Run(() => MemoryPlan.Make(files, ops, counted, _model.LoadOptions(parsed), cancellation), cancellation).ConfigureAwait(false);
        foreach (string warning in plan.Warnings)
            job.Messages.Warn(warning);
        if (plan.PeakBytes > job.Device.MemoryBytes)
            job.Messages.Warn($"this takes more memory than {job.Device.Name} has; draw a smaller picture (-W, -H)");
        DryRunReport report = new(job, plan);
        if (_messages.Json(parsed))
            JsonLine.Write(_terminal.Output, report.WriteTo);
        else
            report.WriteTo(_terminal);
        return ExitCode.Done;
    }

    private bool WithMetadata(ParseResult parsed) => !parsed.GetValue(_noMetadata);

    private static void SaveTrace(DrawingJob job)
    {
        if (job.Request.Trace is not { } trace || job.TracePlan is not { } plan)
            return;
        string path = plan.Claim(0);
        trace.Save(path);
        job.Messages.Note($"wrote {path}");
    }
}
