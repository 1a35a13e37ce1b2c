using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
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

    /// <summary>Runs this process's command line; what a signal ends returns the signal's code.</summary>
    public static async Task<int> OfProcessAsync(IReadOnlyList<string> args)
    {
        using Signals signals = new();
        int code = await RunAsync(args, Terminal.OfProcess(), signals.Cancellation).ConfigureAwait(false);
        return code == ExitCode.Interrupted ? signals.ExitCode : code;
    }

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
        BlendCommand.Create(terminal),
        EncodeCommand.Create(terminal),
        TokenizeCommand.Create(terminal),
        ExportTokenCommand.Create(terminal),
        ConvertCommand.Create(terminal),
        PullCommand.Create(terminal),
        InspectCommand.Create(terminal),
        KernelsCommand.Create(terminal),
        CompareCommand.Create(terminal),
        DoctorCommand.Create(terminal),
        BenchCommand.Create(terminal),
        WorldCommand.Create(terminal),
        TrainCommand.Create(terminal),
        TrainDemoCommand.Create(terminal),
        JudgeCommand.Create(terminal),
        SheetCommand.Create(terminal),
    };

    private static AudioTokenException Misunderstood(ParseResult parsed)
    {
        if (parsed.CommandResult.Command is RootCommand root)
        {
            string commands = string.Join(", ", root.Subcommands.Select(command => command.Name));
            string problem = parsed.UnmatchedTokens is [string first, ..] ? $"there is no command or option '{first}'; the commands are {commands}" : $"no command is given; there are {commands}";
            return new AudioTokenException(ErrorCode.Usage, problem, "audiotoken --help");
        }

        // A mistyped option is taken for an operand, and the operand behind it is then the one too many: the option is what to name.
        string? mistyped = parsed.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash)
            .FirstOrDefault(token => token.Type == TokenType.Argument && token.Value.StartsWith("--", StringComparison.Ordinal))?.Value;
        string message = mistyped is not null ? $"there is no option '{mistyped}'"
            : parsed.UnmatchedTokens is [string more, ..] ? $"'{more}' is one argument more than 'audiotoken {Words(parsed.CommandResult)}' takes"
            : string.Join("\n", parsed.Errors.Select(error => error.Message.TrimEnd('.')).Distinct());
        return new AudioTokenException(ErrorCode.Usage, message, $"audiotoken {Words(parsed.CommandResult)} --help");
    }

    // A command's name, behind that of the one it belongs to.
    private static string Words(CommandResult result) =>
        result.Parent is CommandResult { Command: not RootCommand } owner ? $"{Words(owner)} {result.Command.Name}" : result.Command.Name;
}
