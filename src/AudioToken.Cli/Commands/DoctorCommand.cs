using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AudioToken.Cli.Machine;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Compilation;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Cli.Options;
using AudioToken.Cli.SelfTest;
using AudioToken.Pipelines;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.Commands;

/// <summary>What was found on this machine, and whether the program computes what it should.</summary>
internal sealed class DoctorCommand
{
    private readonly Terminal _terminal;
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly MessageOptions _messages = new();
    private readonly Option<bool> _selfTest = new("--self-test") { Description = "draw the recorded case with the demonstration model and name the first stage that differs (exit code 7)" };
    private readonly Option<string?> _record = new("--record-self-test") { Hidden = true, HelpName = "FILE" };

    private DoctorCommand(Terminal terminal) => (_terminal, _model, _device) = (terminal, new ModelOptions(terminal), new DeviceOptions(terminal));

    public static Command Create(Terminal terminal)
    {
        DoctorCommand self = new(terminal);
        Command command = new("doctor", "show what was found on this machine: processor, driver, libraries, model");
        self._model.AddTo(command);
        self._device.AddTo(command);
        command.Options.Add(self._selfTest);
        command.Options.Add(self._record);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private string RecordingPath => Path.Combine(_terminal.DemoFolder, "self-test.safetensors");

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        if (parsed.GetValue(_record) is { } path)
        {
            await RecordAsync(path, parsed, _device.Choose(parsed, messages), cancellation).ConfigureAwait(false);
            return ExitCode.Done;
        }

        ComputeDevice? chosen = Choose(parsed, messages, out AudioTokenException? fault);
        List<(string Key, string Text)> facts = [.. Machine()];
        IReadOnlyList<StageDifference> stages = [];
        try
        {
            if (chosen is { } device)
            {
                facts.Add(("model", await ModelAsync(parsed, device, cancellation).ConfigureAwait(false)));
                if (parsed.GetValue(_selfTest))
                {
                    stages = await SelfTestAsync(device, cancellation).ConfigureAwait(false);
                    facts.Add(("self-test", Verdict(stages)));
                    fault = Fault(stages);
                }
            }
        }
        catch (AudioTokenException exception)
        {
            fault = exception; // what was found is told all the same
        }

        Tell(parsed, facts, stages, fault);
        return fault is null ? ExitCode.Done : ExitCode.Of(fault);
    }

    // Null where the one that is asked for cannot be used: why is told beside what was found.
    private ComputeDevice? Choose(ParseResult parsed, Messages messages, out AudioTokenException? fault)
    {
        fault = null;
        try
        {
            return _device.Choose(parsed, messages);
        }
        catch (AudioTokenException exception) when (ExitCode.Of(exception) == ExitCode.Device)
        {
            fault = exception;
            return null;
        }
    }

    private IEnumerable<(string Key, string Text)> Machine()
    {
        yield return ("system", MachineFacts.System);
        yield return ("runtime", MachineFacts.Runtime);
        yield return ("processor", string.Create(CultureInfo.InvariantCulture, $"{MachineFacts.Cores} cores; {MachineFacts.VectorInstructions}"));
        yield return ("memory", string.Create(CultureInfo.InvariantCulture, $"{MachineFacts.Memory / (double)(1 << 30):0.0} GB"));
        if (CudaDevice.WhyNone() is { } none)
        {
            yield return ("cuda", $"no device can be used: {none.Message}");
        }
        else
        {
            string unused = CudaOps.WhyNot() is { } reason ? $"; auto takes none: {reason.Message}" : "";
            yield return ("cuda", string.Join("; ", CudaDevice.All().Select(Describe)) + unused);
            int driver = CudaDevice.DriverVersion();
            yield return ("kernels", string.Create(
                CultureInfo.InvariantCulture,
                $"driver for CUDA {driver / 1000}.{driver % 1000 / 10}; compiled by {KernelBuild.Compiler ?? "nobody: there is no NVRTC of CUDA 12 or newer"}; kept in {KernelBuild.CacheFolder ?? "no folder"}"));
        }

        yield return ("libsndfile", SoundLibrary.Version(_terminal.Variable("AUDIOTOKEN_SNDFILE")) ?? "not found: WAV is read without it; for FLAC, Ogg, Opus and MP3 install libsndfile1");
    }

    private static string Describe(CudaDevice device) => string.Create(
        CultureInfo.InvariantCulture,
        $"cuda:{device.Index} {device.Name}, sm_{device.Capability}, {device.Multiprocessors} multiprocessors, {Free(device)}{device.MemoryBytes / (double)(1 << 30):0.0} GB");

    // A device that is too old or lost has no answer.
    private static string Free(CudaDevice device)
    {
        try
        {
            using CudaContext context = new(device.Index);
            return string.Create(CultureInfo.InvariantCulture, $"{context.MemoryInfo().Free / (double)(1 << 30):0.0} GB free of ");
        }
        catch (CudaException)
        {
            return "";
        }
    }

    private async Task<string> ModelAsync(ParseResult parsed, ComputeDevice device, CancellationToken cancellation)
    {
        using ModelLoading loading = _model.Load(parsed, device);
        ModelFiles files = await loading.OpenedAsync(cancellation).ConfigureAwait(false);
        AudioToImagePipeline pipeline = await loading.LoadedAsync(cancellation).ConfigureAwait(false);
        string note = files.Note is { } text ? $" ({text})" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{files.Name}{note}: loads; draws {pipeline.Model.ImageSize}x{pipeline.Model.ImageSize} pixels");
    }

    // Always with the demonstration model: it is what was recorded.
    private async Task<IReadOnlyList<StageDifference>> SelfTestAsync(ComputeDevice device, CancellationToken cancellation)
    {
        if (!File.Exists(RecordingPath))
            throw new AudioTokenException(ErrorCode.NoRecording, $"the self-test's recording is not there: {RecordingPath}", "install the program again");
        using Recording recording = Recording.Open(RecordingPath);
        using ModelLoading loading = new(() => ModelFiles.Open(Path.Combine(_terminal.DemoFolder, "demo.safetensors")), device, new LoadOptions { HashModel = false });
        ModelFiles files = await loading.OpenedAsync(cancellation).ConfigureAwait(false);
        if (files.ContentHash != recording.ModelHash)
            throw new AudioTokenException(ErrorCode.NoRecording, $"{files.Name} is not the model that the self-test was recorded with (sha256 {recording.ModelHash})", "install the program again");
        string path = Path.Combine(Path.GetTempPath(), $"audiotoken-{Path.GetRandomFileName()}.safetensors");
        try
        {
            (await DrawAsync(loading, recording.Request, cancellation).ConfigureAwait(false)).Save(path);
            using SafetensorsFile trace = SafetensorsFile.Open(path);
            return recording.Compare(trace, device.Storage);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private async Task RecordAsync(string path, ParseResult parsed, ComputeDevice device, CancellationToken cancellation)
    {
        using ModelLoading loading = _model.Load(parsed, device);
        GenerationRequest request = SelfTestRequest.Default;
        GenerationTrace trace = await DrawAsync(loading, request, cancellation).ConfigureAwait(false);
        Recording.Save(path, trace, request, (await loading.OpenedAsync(cancellation).ConfigureAwait(false)).ContentHash);
    }

    private static async Task<GenerationTrace> DrawAsync(ModelLoading loading, GenerationRequest request, CancellationToken cancellation)
    {
        GenerationTrace trace = new(TraceLevel.All);
        AudioToImagePipeline pipeline = await loading.LoadedAsync(cancellation).ConfigureAwait(false);
        await pipeline.GenerateAsync(request with { Trace = trace }, cancellation: cancellation).ConfigureAwait(false);
        return trace;
    }

    private static string Verdict(IReadOnlyList<StageDifference> stages)
    {
        StageDifference first = stages.FirstOrDefault(stage => stage.Differs);
        return first.Differs ? $"differs first at {first}" : $"{stages.Count} stages equal the recording";
    }

    private static AudioTokenException? Fault(IReadOnlyList<StageDifference> stages)
    {
        StageDifference first = stages.FirstOrDefault(stage => stage.Differs);
        return first.Differs
            ? new AudioTokenException(ErrorCode.SelfTest, $"the self-test differs from its recording, first at {first}", "--threads 1, and please report the output of 'audiotoken doctor --self-test --json'")
            : null;
    }

    private void Tell(ParseResult parsed, List<(string Key, string Text)> facts, IReadOnlyList<StageDifference> stages, AudioTokenException? fault)
    {
        if (_messages.Json(parsed))
        {
            JsonLine.Write(_terminal.Output, json =>
            {
                if (fault is not null)
                    ErrorReport.WriteFields(json, fault);
                foreach ((string key, string text) in facts)
                    json.WriteString(key.Replace('-', '_'), text);
                WriteStages(json, stages);
            });
        }
        else
        {
            foreach ((string key, string text) in facts)
                _terminal.WriteLine(PlainText.Of($"{key + ":",-12}{text}"));
        }

        if (fault is not null)
            ErrorReport.For(parsed.Tokens.Select(token => token.Value), _terminal).WriteText(fault);
    }

    private static void WriteStages(Utf8JsonWriter json, IReadOnlyList<StageDifference> stages)
    {
        if (stages.Count == 0)
            return;
        json.WriteStartArray("stages");
        foreach (StageDifference stage in stages)
        {
            json.WriteStartObject();
            json.WriteString("name", stage.Name);
            if (float.IsFinite(stage.Largest))
                json.WriteNumber("difference", stage.Largest);
            else
                json.WriteNull("difference");
            json.WriteNumber("allowed", stage.Allowed);
            json.WriteBoolean("differs", stage.Differs);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
