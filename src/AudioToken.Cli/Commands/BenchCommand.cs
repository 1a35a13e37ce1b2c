using System.CommandLine;
using System.CommandLine.Parsing;
using AudioToken.Backends.Cuda;
using AudioToken.Backends.Cuda.Driver;
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
    private static readonly string[] s_stages = [.. Stages.Names, PictureBench.Name];

    private readonly Terminal _terminal;

    private readonly Argument<string> _subject = new("SUBJECT")
    {
        Description = "kernels: single operations of a UNet step; stages: whole networks, and the classes of operations within them; ceilings: what arithmetic and memory of this machine reach at most",
        DefaultValueFactory = _ => s_subjects[0],
        HelpName = string.Join('|', s_subjects),
    };

    private readonly Option<string?> _operation = new("--op") { Description = $"kernels: this operation only: {string.Join(", ", KernelCases.Operations)}; stages: these stages only, with commas between: {string.Join(", ", s_stages)}", HelpName = "NAME" };

    private readonly Option<string?> _shape = new("--shape")
    {
        Description = "kernels: this shape only, in the form of the operation of --op, e.g. 2x64x64x320,320,3x3; default: all of a UNet step",
        HelpName = "SHAPE",
    };

    private readonly Option<string?> _batch = new("--batch") { Description = "batches of the UNet step, with commas between, e.g. 1,2,16 (default 2, one picture with guidance; stages 1,2)", HelpName = "LIST" };
    private readonly Option<string?> _size = Checked.Word("--size", [], "formula weights of this size; default: kernels sd1.4, stages the model of --model", [.. SizedModel.All.Select(size => size.Name)]);
    private readonly Option<int?> _repeat = Checked.Number("--repeat", [], $"runs of each case, after one that is not counted (default {KernelRepetitions}, stages {StageRepetitions})", 1, 100_000);
    private readonly Option<bool> _check = new("--check") { Description = "stages: compare each result with that of the same stage in fp32 without arithmetic short cuts on the same device" };
    private readonly Option<string?> _peer = Checked.Word("--peer", [], "kernels: measure this library beside our products too, on a CUDA device", CublasLtBenchPeer.Word);
    private readonly Option<string?> _rows = new("--rows") { Description = "also write a file of rows under the names of PyTorch's measurements", HelpName = "FILE" };
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly MessageOptions _messages = new();

    private BenchCommand(Terminal terminal) => (_terminal, _model, _device) = (terminal, new ModelOptions(terminal), new DeviceOptions(terminal));

    public static Command Create(Terminal terminal)
    {
        BenchCommand self = new(terminal);
        Command command = new("bench", "measure operations and whole stages against what this machine reaches at most");
        command.Arguments.Add(self._subject);
        foreach (Option option in (Option[])[self._operation, self._shape, self._batch, self._size, self._repeat, self._check, self._peer, self._rows])
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
        using BenchDevice device = Open(chosen, parsed.GetValue(_peer));
        RowsFile? rows = parsed.GetValue(_rows) is { } path ? new RowsFile(path, chosen.Name, device) : null;
        if (subject == "ceilings")
            Ceilings(parsed, chosen, device);
        else if (subject == "stages")
            MeasureStages(parsed, chosen, device, model, batches, rows, cancellation);
        else
            Kernels(parsed, chosen, device, model, named, batches, rows, cancellation);
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

    private void Kernels(ParseResult parsed, ComputeDevice chosen, BenchDevice device, BenchModel model, KernelCase? named, int[] batches, RowsFile? rows, CancellationToken cancellation)
    {
        bool json = _messages.Json(parsed);
        int repetitions = parsed.GetValue(_repeat) ?? KernelRepetitions;
        KernelBench bench = new(device);
        List<KernelRun> runs = [];
        void Tell(KernelMeasurement measured, int? calls, int? batch)
        {
            rows?.Add(measured, calls, batch);
            if (!json)
                _terminal.WriteLine(KernelReport.Line(measured, calls, device.Peer));
        }

        if (!json)
            _terminal.WriteLine(KernelReport.Header(device.Peer));
        if (named is not null)
        {
            KernelMeasurement measured = bench.Measure(named, repetitions, cancellation);
            Tell(measured, null, null);
            runs.Add(new KernelRun(null, [(measured, null)], new Dictionary<string, int>()));
        }

        foreach (int batch in named is null ? batches : [])
        {
            runs.Add(KernelRun.OfStep(bench, UnetStep.Record(model.Size.Unet, batch), batch, parsed.GetValue(_operation), repetitions, (measured, calls) => Tell(measured, calls, batch), cancellation));
            foreach (string line in json ? [] : KernelReport.Sums(runs[^1], device.Peer))
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
            KernelReport.Write(writer, runs, device.Peer);
        });
    }

    private void MeasureStages(ParseResult parsed, ComputeDevice chosen, BenchDevice device, BenchModel model, int[] batches, RowsFile? rows, CancellationToken cancellation)
    {
        bool json = _messages.Json(parsed);
        int repetitions = parsed.GetValue(_repeat) ?? StageRepetitions;
        IReadOnlyList<string> wanted = WantedStages(parsed);
        List<StageMeasurement> stages = [];
        if (!json)
            _terminal.WriteLine(StageReport.Header);
        using (ITensorOps? exact = parsed.GetValue(_check) && device.HasTimes ? chosen.OpenExact() : null)
        using (StageBench bench = new(device, model, exact))
        {
            foreach (string name in wanted.Where(name => name != PictureBench.Name))
            {
                foreach (string each in Stages.HasBatch(name) ? batches.Select(batch => $"{name}-{batch}") : [name])
                    Tell(bench.Measure(each, repetitions, cancellation));
            }
        }

        if (wanted.Contains(PictureBench.Name))
        {
            using PictureBench pictures = new(device, model, cancellation);
            foreach (string name in PictureBench.Names)
                Tell(pictures.Measure(name, repetitions, cancellation));
        }

        void Tell(StageMeasurement measured)
        {
            stages.Add(measured);
            rows?.Add(measured);
            foreach (string line in json ? [] : StageReport.Lines(measured))
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

    private static BenchDevice Open(ComputeDevice chosen, string? peer)
    {
        ITensorOps ops = chosen.Open();
        try
        {
            if (ops is CudaOps cuda)
                return new CudaBenchDevice(cuda, counts: CudaEmulation.IsHere, peer is null ? null : new CublasLtBenchPeer(cuda.CreatePeer()));
            return peer is null
                ? new ProcessorDevice(ops, chosen.Threads)
                : throw new AudioTokenException(ErrorCode.Usage, $"--peer is '{peer}', which runs on CUDA devices, but the device is {chosen.Name}", "--device cuda, or leave --peer out");
        }
        catch
        {
            ops.Dispose();
            throw;
        }
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
        Option[] others = subject switch { "ceilings" => [_operation, _shape, _batch, _size, _repeat, _check, _peer, _rows], "stages" => [_shape, _peer], _ => [_check] };
        foreach (Option option in others)
        {
            if (parsed.GetResult(option) is OptionResult { Implicit: false })
                throw new AudioTokenException(ErrorCode.Usage, $"{option.Name} is given, but bench {subject} does not take it", $"audiotoken bench {(option == _check ? "stages" : "kernels")} {option.Name}");
        }

        if (subject == "ceilings" && _model.IsGiven(parsed))
            throw new AudioTokenException(ErrorCode.Usage, "--model is given, but bench ceilings does not take it", "audiotoken bench stages --model ...");
        if (subject == "stages")
            WantedStages(parsed);
    }

    // Those of --op; without it all but whole pictures, which take minutes where there is no GPU.
    private IReadOnlyList<string> WantedStages(ParseResult parsed)
    {
        if (parsed.GetValue(_operation) is not { } list)
            return Stages.Names;
        string[] named = list.Split(',', StringSplitOptions.TrimEntries);
        return Array.Find(named, name => !s_stages.Contains(name)) is { } stage
            ? throw new AudioTokenException(BenchErrors.Operation, $"--op is '{stage}', wanted one of {string.Join(", ", s_stages)}", $"--op {s_stages[0]}")
            : [.. s_stages.Where(named.Contains)];
    }
}
