using System.CommandLine;
using AudioToken.Backends.Cuda;
using AudioToken.Bench;
using AudioToken.Bench.Cases;
using AudioToken.Cli.Benchmarks;
using AudioToken.Cli.Options;
using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Cli.Commands;

/// <summary>How fast this machine is, and how near to its roofs the program comes.</summary>
internal sealed class BenchCommand
{
    private const int KernelRepetitions = 10, StageRepetitions = 3, MaxBatch = 64;
    private static readonly string[] s_subjects = ["kernels", "stages", "ceilings"];

    private readonly Terminal _terminal;

    private readonly Argument<string> _subject = new("SUBJECT")
    {
        Description = "kernels: single operations of a UNet step; stages: whole networks, and the classes of operations within them; ceilings: what arithmetic and memory of this machine reach at most",
        DefaultValueFactory = _ => s_subjects[0],
        HelpName = string.Join('|', s_subjects),
    };

    private readonly Option<string?> _operation = new("--op") { Description = $"kernels: this operation only: {string.Join(", ", KernelCases.Operations)}; stages: this stage only: {string.Join(", ", Stages.Names)}", HelpName = "NAME" };

    private readonly Option<string?> _shape = new("--shape")
    {
        Description = "kernels: this shape only, in the form of the operation of --op, e.g. 2x64x64x320,320,3x3; default: all of a UNet step",
        HelpName = "SHAPE",
    };

    private readonly Option<string?> _batch = new("--batch") { Description = "batches of the UNet step, with commas between, e.g. 1,2,16 (default 2, one picture with guidance; stages 1,2)", HelpName = "LIST" };
    private readonly Option<string?> _size = Checked.Word("--size", [], "formula weights of this size; default: kernels sd1.4, stages the model of --model", [.. SizedModel.All.Select(size => size.Name)]);
    private readonly Option<int?> _repeat = Checked.Number("--repeat", [], $"runs of each case, after one that is not counted (default {KernelRepetitions}, stages {StageRepetitions})", 1, 100_000);
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly MessageOptions _messages = new();

    private BenchCommand(Terminal terminal) => (_terminal, _model, _device) = (terminal, new ModelOptions(terminal), new DeviceOptions(terminal));

    public static Command Create(Terminal terminal)
    {
        BenchCommand self = new(terminal);
        Command command = new("bench", "measure operations and whole stages against what this machine reaches at most");
        command.Arguments.Add(self._subject);
        foreach (Option option in (Option[])[self._operation, self._shape, self._batch, self._size, self._repeat])
            command.Options.Add(option);
        self._model.AddTo(command, parts: false);
        self._device.AddTo(command);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation) => Task.Run(() => Run(parsed, cancellation), cancellation);

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        string subject = Operand.Check(parsed, parsed.GetRequiredValue(_subject), "subject");
        if (!s_subjects.Contains(subject))
            throw new AudioTokenException(ErrorCode.Usage, $"there is no '{subject}' to measure, wanted one of {string.Join(", ", s_subjects)}", $"audiotoken bench {s_subjects[0]}");
        RefuseOthersOptions(parsed, subject);
        KernelCase? named = subject == "kernels" ? Named(parsed) : null;
        int[] batches = Batches(parsed, subject == "stages" ? [1, 2] : [2]);
        Messages messages = _messages.Messages(parsed, _terminal);
        ComputeDevice chosen = _device.Choose(parsed, messages);
        using ModelFiles? files = OpenModel(parsed, subject);
        BenchModel model = files is not null ? BenchModel.Of(files) : BenchModel.Synthetic(Size(parsed));
        using BenchDevice device = Open(chosen);
        if (subject == "ceilings")
            Ceilings(parsed, chosen, device);
        else if (subject == "stages")
            MeasureStages(parsed, chosen, device, model, batches, cancellation);
        else
            Kernels(parsed, chosen, device, model, named, batches, cancellation);
        return ExitCode.Done;
    }

    private void Ceilings(ParseResult parsed, ComputeDevice chosen, BenchDevice device)
    {
        IReadOnlyList<Ceiling> ceilings = device.Ceilings();
        if (_messages.Json(parsed))
        {
            JsonLine.Write(_terminal.Output, json =>
            {
                WriteSubject(json, "ceilings", chosen);
                CeilingReport.Write(json, ceilings);
            });
            return;
        }

        foreach (string line in CeilingReport.Lines(ceilings))
            _terminal.WriteLine(line);
    }

    private void Kernels(ParseResult parsed, ComputeDevice chosen, BenchDevice device, BenchModel model, KernelCase? named, int[] batches, CancellationToken cancellation)
    {
        bool json = _messages.Json(parsed);
        int repetitions = parsed.GetValue(_repeat) ?? KernelRepetitions;
        KernelBench bench = new(device);
        List<KernelRun> runs = [];
        void Tell(KernelMeasurement measured, int? calls)
        {
            if (!json)
                _terminal.WriteLine(KernelReport.Line(measured, calls));
        }

        if (!json)
            _terminal.WriteLine(KernelReport.Header);
        if (named is not null)
        {
            KernelMeasurement measured = bench.Measure(named, repetitions, cancellation);
            Tell(measured, null);
            runs.Add(new KernelRun(null, [(measured, null)], new Dictionary<string, int>()));
        }

        foreach (int batch in named is null ? batches : [])
        {
            runs.Add(KernelRun.OfStep(bench, UnetStep.Record(model.Size.Unet, batch), batch, parsed.GetValue(_operation), repetitions, Tell, cancellation));
            foreach (string line in json ? [] : KernelReport.Sums(runs[^1]))
                _terminal.WriteLine(line);
        }

        if (!json)
            return;
        JsonLine.Write(_terminal.Output, writer =>
        {
            WriteSubject(writer, "kernels", chosen);
            writer.WriteString("size", named is null ? model.Size.Name : null);
            writer.WriteNumber("element_bytes", device.ElementBytes);
            writer.WriteNumber("repeat", repetitions);
            KernelReport.Write(writer, runs);
        });
    }

    private void MeasureStages(ParseResult parsed, ComputeDevice chosen, BenchDevice device, BenchModel model, int[] batches, CancellationToken cancellation)
    {
        bool json = _messages.Json(parsed);
        int repetitions = parsed.GetValue(_repeat) ?? StageRepetitions;
        string? only = parsed.GetValue(_operation);
        List<StageMeasurement> stages = [];
        if (!json)
            _terminal.WriteLine(StageReport.Header);
        foreach (string name in Stages.Names.Where(name => only is null || name == only).SelectMany(name => name == Stages.Unet ? batches.Select(batch => $"{name}-{batch}") : [name]))
        {
            stages.Add(StageBench.Measure(device, model, name, repetitions, cancellation));
            foreach (string line in json ? [] : StageReport.Lines(stages[^1]))
                _terminal.WriteLine(line);
        }

        if (!json)
            return;
        JsonLine.Write(_terminal.Output, writer =>
        {
            WriteSubject(writer, "stages", chosen);
            writer.WriteString("model", model.Size.Name);
            writer.WriteNumber("element_bytes", device.ElementBytes);
            writer.WriteNumber("repeat", repetitions);
            StageReport.Write(writer, stages);
        });
    }

    private static void WriteSubject(System.Text.Json.Utf8JsonWriter json, string subject, ComputeDevice chosen)
    {
        json.WriteString("bench", subject);
        json.WriteString("device", chosen.Name);
        json.WriteNumber("threads", chosen.Threads);
    }

    private SizedModel Size(ParseResult parsed) => parsed.GetValue(_size) is { } name ? SizedModel.All.First(size => size.Name == name) : SizedModel.StableDiffusion14;

    // The model that was named; for stages the demonstration where neither a model nor a size was.
    private ModelFiles? OpenModel(ParseResult parsed, string subject)
    {
        if (_model.IsGiven(parsed) && parsed.GetValue(_size) is { } size)
            throw new AudioTokenException(ErrorCode.Usage, $"--model and --size {size} are both given, but one model is measured", "leave one of them out");
        return subject != "ceilings" && (_model.IsGiven(parsed) || (subject == "stages" && parsed.GetValue(_size) is null)) ? _model.Open(parsed) : null;
    }

    private static BenchDevice Open(ComputeDevice chosen)
    {
        ITensorOps ops = chosen.Open();
        return ops is CudaOps cuda ? new CudaBenchDevice(cuda) : new ProcessorDevice(ops, chosen.Threads);
    }

    private KernelCase? Named(ParseResult parsed)
    {
        string? operation = parsed.GetValue(_operation), shape = parsed.GetValue(_shape);
        if (operation is not null && !KernelCases.Operations.Contains(operation))
            throw new AudioTokenException(BenchErrors.Operation, $"--op is '{operation}', wanted one of {string.Join(", ", KernelCases.Operations)}", $"--op {KernelCases.Operations[0]}");
        if (shape is null)
            return null;
        if (operation is null)
            throw new AudioTokenException(ErrorCode.Usage, $"--shape is '{shape}', but --op, whose shape it is, is not given", $"--op {KernelCases.Operations[0]} --shape {shape}");
        if (parsed.GetValue(_batch) is not null)
            throw new AudioTokenException(ErrorCode.Usage, "--shape and --batch are both given, but a shape has its batch", "leave --batch out");
        return KernelCases.Parse(operation, shape);
    }

    private int[] Batches(ParseResult parsed, int[] otherwise) => parsed.GetValue(_batch) is { } list
        ? [.. list.Split(',', StringSplitOptions.TrimEntries).Select(text => Checked.Parse("--batch", text, 1, MaxBatch)).Distinct()]
        : otherwise;

    // An option that would do nothing is a mistake.
    private void RefuseOthersOptions(ParseResult parsed, string subject)
    {
        Option[] others = subject switch { "ceilings" => [_operation, _shape, _batch, _size, _repeat], "stages" => [_shape], _ => [] };
        foreach (Option option in others)
        {
            if (parsed.GetResult(option) is not null)
                throw new AudioTokenException(ErrorCode.Usage, $"{option.Name} is given, but bench {subject} does not take it", $"audiotoken bench kernels {option.Name} ...");
        }

        if (subject == "ceilings" && _model.IsGiven(parsed))
            throw new AudioTokenException(ErrorCode.Usage, "--model is given, but bench ceilings does not take it", "audiotoken bench stages --model ...");
        if (subject == "stages" && parsed.GetValue(_operation) is { } stage && !Stages.Names.Contains(stage))
            throw new AudioTokenException(BenchErrors.Operation, $"--op is '{stage}', wanted one of {string.Join(", ", Stages.Names)}", $"--op {Stages.Names[0]}");
    }
}
