using System.CommandLine;
using System.CommandLine.Parsing;
using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>Words of a command line that are no options.</summary>
internal static class Operand
{
    /// <summary>Refuses a mistyped option that was taken for a file or a prompt; after <c>--</c> everything is one.</summary>
    public static string Check(ParseResult parsed, string operand, string what)
    {
        bool mayBeOption = operand.Length > 1 && operand[0] == '-' && !parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash);
        return !mayBeOption ? operand : throw new AudioTokenException(
            ErrorCode.Usage, $"there is no option '{operand}'", $"audiotoken {parsed.CommandResult.Command.Name} --help; a {what} that begins with '-' is written after '--'");
    }
}
