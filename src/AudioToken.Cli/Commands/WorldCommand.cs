using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AudioToken.Cli.Options;
using AudioToken.Pipelines.Imaging;
using AudioToken.Tensors;
using AudioToken.World;
using AudioToken.World.Classifiers;

namespace AudioToken.Cli.Commands;

/// <summary>The small world that the demonstration model is trained on: its samples, a sheet of them, and how well they are told apart.</summary>
internal sealed class WorldCommand
{
    private readonly Terminal _terminal;
    private readonly Option<string?> _out = new("--out", "-o") { Description = "training folder to write, or to go on with: NAME.wav, NAME.png, manifest.jsonl", HelpName = "DIR" };
    private readonly Option<string?> _sheet = new("--sheet") { Description = "PNG to write: a row a kind, a column a seed, spectrograms below the scenes", HelpName = "FILE" };
    private readonly Option<bool> _check = new("--check") { Description = "train the two classifiers and tell how many fresh scenes and sounds they name" };
    private readonly Option<int?> _count = Checked.Number("--count", [], "samples of each kind (default 100; a sheet 8; a check 40)", 1, 10_000_000);
    private readonly Option<int?> _learn = Checked.Number("--learn", [], "samples of each kind that a check learns from (default 120)", 2, 100_000);
    private readonly Option<ulong?> _seed = Checked.Number("--seed", ["-s"], "first seed within the split (default 0)", 0UL, WorldSeeds.MaxIndex - 10_000_000);
    private readonly Option<string?> _split = Checked.Word("--split", [], "which seeds (default training); no seed is of two splits", "training", "judging", "validation", "held-out");
    private readonly Option<string?> _kinds = new("--kinds") { Description = $"kinds, with commas between (default all: {string.Join(',', WorldKinds.All)})", HelpName = "LIST" };
    private readonly Option<int?> _size = Checked.Number("--size", [], "side of the pictures in pixels (default 128)", 16, 2048);
    private readonly Option<double?> _seconds = Checked.Number("--seconds", [], "length of the sounds (default 10)", 0.1, 600.0, "S");
    private readonly MessageOptions _messages = new();

    private WorldCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        WorldCommand self = new(terminal);
        Command command = new("world", "make sounds with matching pictures of a small drawn world, to train and to test on");
        foreach (Option option in (Option[])[self._out, self._sheet, self._check, self._count, self._learn, self._seed, self._split, self._kinds, self._size, self._seconds])
            command.Options.Add(option);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation) => Task.Run(() => Run(parsed, cancellation), cancellation);

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        Messages messages = _messages.Messages(parsed, _terminal);
        (string? folder, string? sheet, bool check) = (parsed.GetValue(_out), parsed.GetValue(_sheet), parsed.GetValue(_check));
        if (folder is null && sheet is null && !check)
            throw new AudioTokenException(ErrorCode.Usage, "nothing is asked for; wanted --out, --sheet or --check", "audiotoken world --sheet world.png");
        IReadOnlyList<WorldKind> kinds = Kinds(parsed);
        if (check && kinds.Count < 2)
            throw new AudioTokenException(ErrorCode.Usage, "--check is given 1 kind, wanted at least 2", "audiotoken world --check");
        List<string> written = [];
        if (folder is not null)
        {
            WriteFolder(parsed, folder, kinds, messages, cancellation);
            written.Add(folder);
        }

        if (sheet is not null)
        {
            Output.WritableFolder.Check(sheet);
            ulong[] seeds = [.. Enumerable.Range(0, parsed.GetValue(_count) ?? 8).Select(i => WorldSeeds.Of(Split(parsed), (parsed.GetValue(_seed) ?? 0) + (ulong)i))];
            PngWriter.Save(sheet, ContactSheet.Draw(kinds, seeds, parsed.GetValue(_size) ?? 128, parsed.GetValue(_seconds) ?? 10, cancellation));
            messages.Note($"wrote {sheet} (rows: {string.Join(", ", kinds)})");
            written.Add(sheet);
        }

        WorldCheck? checkedWorld = check
            ? WorldCheck.Run(kinds, parsed.GetValue(_count) ?? 40, parsed.GetValue(_learn) ?? 120, parsed.GetValue(_seconds) ?? 5, cancellation)
            : null;
        if (_messages.Json(parsed))
            JsonLine.Write(_terminal.Output, json => WriteTo(json, written, kinds, checkedWorld));
        else if (checkedWorld is not null)
            Report(checkedWorld, kinds);
        return ExitCode.Done;
    }

    private static void WriteTo(Utf8JsonWriter json, IReadOnlyList<string> written, IReadOnlyList<WorldKind> kinds, WorldCheck? check)
    {
        JsonLine.WriteOutputs(json, written);
        json.WriteNumber("kinds", kinds.Count);
        if (check is null)
            return;
        json.WriteNumber("samples", check.Scenes.Total);
        json.WriteNumber("scenes", check.Scenes.Accuracy);
        json.WriteNumber("degraded_scenes", check.Degraded.Accuracy);
        json.WriteNumber("sounds", check.Sounds.Accuracy);
    }

    private void Report(WorldCheck check, IReadOnlyList<WorldKind> kinds)
    {
        foreach ((string name, ConfusionMatrix matrix) in ((string, ConfusionMatrix)[])[("scenes", check.Scenes), ("degraded scenes", check.Degraded), ("sounds", check.Sounds)])
            _terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {matrix.Right} of {matrix.Total} named rightly ({matrix.Accuracy:P1}; chance {1.0 / kinds.Count:P1})\n{matrix}\n"));
    }

    private void WriteFolder(ParseResult parsed, string folder, IReadOnlyList<WorldKind> kinds, Messages messages, CancellationToken cancellation)
    {
        WorldFolder world = new()
        {
            Path = folder,
            Kinds = kinds,
            Count = parsed.GetValue(_count) ?? 100,
            Split = Split(parsed),
            FirstSeed = parsed.GetValue(_seed) ?? 0,
            Size = parsed.GetValue(_size) ?? 128,
            Seconds = parsed.GetValue(_seconds) ?? 10,
        };
        world.Write(new Tenths(messages), cancellation);
        messages.Note($"wrote {folder} ({world.Count * kinds.Count} samples of {kinds.Count} kinds, {world.Split})");
    }

    private static WorldSplit SplitOf(string? word) => word switch { "judging" => WorldSplit.Judging, "validation" => WorldSplit.Validation, "held-out" => WorldSplit.HeldOut, _ => WorldSplit.Training };

    private WorldSplit Split(ParseResult parsed) => SplitOf(parsed.GetValue(_split));

    private IReadOnlyList<WorldKind> Kinds(ParseResult parsed)
    {
        if (parsed.GetValue(_kinds) is not { } list)
            return WorldKinds.All;
        try
        {
            return [.. list.Split(',', StringSplitOptions.TrimEntries).Select(WorldKinds.Find).Distinct()];
        }
        catch (ArgumentException exception)
        {
            throw new AudioTokenException(ErrorCode.Usage, $"--kinds: {exception.Message.Split(" (Parameter", 2)[0].TrimEnd('.')}", $"--kinds {WorldKinds.All[0]}", exception);
        }
    }

    /// <summary>Tells every tenth of the way.</summary>
    internal sealed class Tenths(Messages messages, string what = "samples") : IProgress<(int Done, int Of)>
    {
        private readonly Lock _lock = new();

        public void Report((int Done, int Of) value)
        {
            if (10L * value.Done / value.Of == 10L * (value.Done - 1) / value.Of)
                return;
            lock (_lock)
                messages.Note($"{value.Done} of {value.Of} {what}");
        }
    }
}
