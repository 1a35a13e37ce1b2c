using System.CommandLine;

namespace AudioToken.Cli.Options;

/// <summary>What is said, and in which form.</summary>
internal sealed class MessageOptions
{
    private readonly Option<bool> _json = new("--json") { Description = "one JSON object on standard output; errors too, as {\"error\": {\"code\", \"message\", \"hint\"}}" };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "say nothing but errors" };
    private readonly Option<bool> _verbose = new("--verbose", "-v") { Description = "say more; show the stack trace of an error" };

    public void AddTo(Command command)
    {
        command.Options.Add(_json);
        command.Options.Add(_quiet);
        command.Options.Add(_verbose);
    }

    /// <summary>True if the result goes to standard output as JSON.</summary>
    public bool Json(ParseResult parsed) => parsed.GetValue(_json);

    public Messages Messages(ParseResult parsed, Terminal terminal) => new(terminal, parsed.GetValue(_quiet), parsed.GetValue(_verbose));
}
