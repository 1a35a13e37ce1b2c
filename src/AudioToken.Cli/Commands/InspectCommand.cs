using System.CommandLine;
using AudioToken.Cli.Inspection;
using AudioToken.Cli.Options;

namespace AudioToken.Cli.Commands;

/// <summary>What a file holds; nothing is loaded or computed.</summary>
internal sealed class InspectCommand
{
    private readonly Terminal _terminal;
    private readonly Argument<string> _file = new("FILE") { Description = "a bundle, a diffusers folder, a safetensors file, a PyTorch checkpoint (.ckpt, .pt, .bin), or a PNG; its content decides, not its name" };
    private readonly Option<bool> _json = new("--json") { Description = "one JSON object" };
    private readonly Option<bool> _tensors = new("--tensors") { Description = "list every tensor with type and shape" };
    private readonly Option<bool> _verify = new("--verify") { Description = "read everything: SHA-256, and values that are NaN or infinite (exit code 4 if there are any)" };
    private readonly Option<bool> _verbose = new("--verbose", "-v") { Description = "show the stack trace of an error" };

    private InspectCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        InspectCommand self = new(terminal);
        Command command = new("inspect", "show what a model, a checkpoint or a picture holds");
        command.Arguments.Add(self._file);
        command.Options.Add(self._json);
        command.Options.Add(self._tensors);
        command.Options.Add(self._verify);
        command.Options.Add(self._verbose);
        command.SetAction(self.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string path = Operand.Check(parsed, parsed.GetRequiredValue(_file), "file name");
        using IInspection inspection = InspectedFile.Open(path, parsed.GetValue(_tensors), parsed.GetValue(_verify));
        if (parsed.GetValue(_json))
        {
            JsonLine.Write(_terminal.Output, inspection.WriteTo);
        }
        else
        {
            foreach (string line in inspection.Lines())
                _terminal.WriteLine(PlainText.Of(line));
        }

        return inspection.HasFaults ? ExitCode.Model : ExitCode.Done;
    }
}
