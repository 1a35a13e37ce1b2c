using System.CommandLine;
using AudioToken.Cli.Options;
using AudioToken.Tensors;
using AudioToken.Training.Demonstration;
using AudioToken.Weights;

namespace AudioToken.Cli.Commands;

/// <summary>Makes the demonstration model from nothing but the small drawn world.</summary>
internal sealed class TrainDemoCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string> _out = new("--out", "-o") { Description = "folder for stages and result; one that holds a run is gone on with", HelpName = "DIR", Required = true };
    private readonly Option<double?> _share = Checked.Number("--share", [], "share of the full training of every part (default 1: about an hour on two cores)", 0.0001, 100.0, "X");
    private readonly Option<int?> _count = Checked.Number("--count", [], "samples of each kind (default 200)", 1, 100_000);
    private readonly Option<ulong?> _seed = Checked.Number("--seed", ["-s"], "seed of everything drawn (default 0)", 0UL, ulong.MaxValue);
    private readonly ModelOptions _model;
    private readonly DeviceOptions _device;
    private readonly MessageOptions _messages = new();

    private TrainDemoCommand(Terminal terminal)
    {
        _terminal = terminal;
        _model = new ModelOptions(terminal);
        _device = new DeviceOptions(terminal);
    }

    public static Command Create(Terminal terminal)
    {
        TrainDemoCommand self = new(terminal);
        Command command = new("train-demo", "make the demonstration model from nothing: autoencoder, text encoder, UNet, audio encoder, embedder");
        foreach (Option option in (Option[])[self._out, self._share, self._count, self._seed])
            command.Options.Add(option);
        self._model.AddTo(command, parts: false);
        self._device.AddTo(command);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation) => Task.Run(() => Run(parsed, cancellation), CancellationToken.None);

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        ComputeDevice device = _device.Choose(parsed, messages);
        using ModelFiles files = _model.Open(parsed);
        Recipe recipe = new() { SamplesOfEach = parsed.GetValue(_count) ?? 200, Seed = parsed.GetValue(_seed) ?? 0, ScalesLoss = device.ScalesLoss };
        using IGradientOps ops = device.OpenForTraining();
        DemonstrationRun run = new(
            files, ops, recipe.Scaled(parsed.GetValue(_share) ?? 1), parsed.GetRequiredValue(_out), messages.Note, _ => new TrainCommand.Told(messages));
        run.Run(cancellation);
        if (_messages.Json(parsed))
            JsonLine.Write(_terminal.Output, json => JsonLine.WriteOutputs(json, run.Result));
        return ExitCode.Done;
    }
}
