using System.CommandLine;
using System.Globalization;
using AudioToken.Cli.Options;
using AudioToken.Weights;
using AudioToken.WeightsConverter;

namespace AudioToken.Cli.Commands;

/// <summary>What two checkpoints have in common, tensor by tensor.</summary>
internal sealed class CompareCommand
{
    private const int Shown = 20;

    private readonly Terminal _terminal;
    private readonly Argument<string> _first = new("A") { Description = "a safetensors or PyTorch file" };
    private readonly Argument<string> _second = new("B") { Description = "another one" };
    private readonly MessageOptions _messages = new();

    private CompareCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        CompareCommand self = new(terminal);
        Command command = new("compare", "compare the tensors of two files: missing, misshapen, and how far apart");
        command.Arguments.Add(self._first);
        command.Arguments.Add(self._second);
        self._messages.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        using TensorCollection first = CheckpointFile.Open(Operand.Check(parsed, parsed.GetRequiredValue(_first), "file name"));
        using TensorCollection second = CheckpointFile.Open(Operand.Check(parsed, parsed.GetRequiredValue(_second), "file name"));
        TensorComparison comparison = await Task.Run(() => TensorComparison.Of(first, second, cancellation), CancellationToken.None).ConfigureAwait(false);
        if (_messages.Json(parsed))
            Json(comparison);
        else
            Lines(comparison, first.Description, second.Description);
        return ExitCode.Done;
    }

    private void Lines(TensorComparison comparison, string first, string second)
    {
        _terminal.WriteLine(PlainText.Of(comparison.Same ? $"{comparison.Equal} tensors, all equal" : $"{comparison.Equal} tensors are equal"));
        List($"only in {first}", comparison.OnlyFirst);
        List($"only in {second}", comparison.OnlySecond);
        List("of other shapes", [.. comparison.Misshapen.Select(each => $"{each.Name}: {each.First}, {each.Second}")]);
        List("of other values or types, largest difference / relative root mean square", [.. comparison.Different.Select(Line)]);
    }

    private static string Line(TensorDifference each) => string.Create(
        CultureInfo.InvariantCulture, $"{each.Name}: {each.Largest:0.###e+0} / {each.RelativeRms:0.###e+0}{(each.First == each.Second ? "" : $" ({each.First}, {each.Second})")}");

    private void List(string title, IReadOnlyList<string> lines)
    {
        if (lines.Count == 0)
            return;
        _terminal.WriteLine(PlainText.Of($"{lines.Count} {title}:"));
        foreach (string line in lines.Take(Shown))
            _terminal.WriteLine(PlainText.Of($"  {line}"));
        if (lines.Count > Shown)
            _terminal.WriteLine(PlainText.Of($"  … and {lines.Count - Shown} more; --json lists all"));
    }

    private void Json(TensorComparison comparison) => JsonLine.Write(_terminal.Output, json =>
    {
        json.WriteBoolean("same", comparison.Same);
        json.WriteNumber("equal", comparison.Equal);
        foreach ((string key, IReadOnlyList<string> names) in (ReadOnlySpan<(string, IReadOnlyList<string>)>)[("only_first", comparison.OnlyFirst), ("only_second", comparison.OnlySecond)])
        {
            json.WriteStartArray(key);
            foreach (string name in names)
                json.WriteStringValue(name);
            json.WriteEndArray();
        }

        json.WriteStartArray("misshapen");
        foreach ((string name, string first, string second) in comparison.Misshapen)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("first", first);
            json.WriteString("second", second);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("different");
        foreach (TensorDifference each in comparison.Different)
        {
            json.WriteStartObject();
            json.WriteString("name", each.Name);
            json.WriteString("first", each.First);
            json.WriteString("second", each.Second);
            // JSON has no word for what is no number.
            if (double.IsFinite(each.Largest))
                json.WriteNumber("largest", each.Largest);
            else
                json.WriteNull("largest");
            if (double.IsFinite(each.RelativeRms))
                json.WriteNumber("relative_rms", each.RelativeRms);
            else
                json.WriteNull("relative_rms");
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
