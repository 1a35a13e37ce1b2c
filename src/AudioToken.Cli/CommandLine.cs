using System.CommandLine;
using System.CommandLine.Invocation;
using AudioToken.Cli.Commands;
using AudioToken.Tensors;

namespace AudioToken.Cli;

/// <summary>The program: arguments in, exit code out.</summary>
internal static class CommandLine
{
    private const string Description = """
        AudioToken.Native draws pictures of recordings.

        Exit codes: 0 done, 1 our fault, 2 usage, 3 sound or other input, 4 model, 5 device, 6 memory, 7 NaN or infinity, 8 files, 130 Ctrl-C, 143 SIGTERM.
        Environment: AUDIOTOKEN_MODEL, AUDIOTOKEN_DEVICE, AUDIOTOKEN_THREADS stand for the options of those names; an option wins. NO_COLOR is honoured.
        """;

    // File names may begin with '@'; nothing is read from such a file.
    private static readonly ParserConfiguration s_parser = new() { ResponseFileTokenReplacer = null };

    /// <summary>Runs one command line to its end. Throws nothing: what goes wrong is reported, and told by the exit code.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, CancellationToken cancellation = default)
    {
        try
        {
            ParseResult parsed = Root(terminal).Parse(args, s_parser);
            if (parsed.Action is ParseErrorAction)
                throw Misunderstood(parsed);
            using StreamWriter output = new(terminal.Output, leaveOpen: true);
            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = output,
                    Error = terminal.Error,
                    EnableDefaultExceptionHandler = false, // errors are reported below, in our words
                    ProcessTerminationTimeout = null,      // signals are Program's affair
                },
                cancellation).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // The last door: whatever comes here is told to the user.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return ErrorReport.For(args, terminal).Write(exception);
        }
    }

    private static RootCommand Root(Terminal terminal) => new(Description)
    {
        GenerateCommand.Create(terminal),
        EncodeCommand.Create(terminal),
        TokenizeCommand.Create(terminal),
        InspectCommand.Create(terminal),
        DoctorCommand.Create(terminal),
    };

    private static AudioTokenException Misunderstood(ParseResult parsed)
    {
        string command = parsed.CommandResult.Command is RootCommand ? "audiotoken" : $"audiotoken {parsed.CommandResult.Command.Name}";
        return new AudioTokenException(ErrorCode.Usage, string.Join("\n", parsed.Errors.Select(error => error.Message.TrimEnd('.')).Distinct()), $"{command} --help");
    }
}
