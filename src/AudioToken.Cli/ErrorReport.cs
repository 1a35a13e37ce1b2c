using System.Globalization;
using System.Text.Json;
using AudioToken.Tensors;

namespace AudioToken.Cli;

/// <summary>Says what went wrong: as text on standard error, and with --json as an object on standard output too.</summary>
/// <remarks>The shape is <c>error AT4103: what</c>, indented lines of where, and <c>try:</c> with the next step. A stack trace is shown only with --verbose.</remarks>
internal sealed class ErrorReport(Terminal terminal, bool json, bool verbose)
{
    /// <summary>A report for arguments that may not have been understood.</summary>
    public static ErrorReport For(IEnumerable<string> args, Terminal terminal)
    {
        string[] options = [.. args.TakeWhile(arg => arg != "--")];
        return new ErrorReport(terminal, options.Contains("--json"), options.Contains("--verbose") || options.Contains("-v"));
    }

    /// <summary>Reports an exception and gives the exit code.</summary>
    public int Write(Exception exception)
    {
        exception = Unwrap(exception);
        if (json)
            WriteJson(exception);
        WriteText(exception);
        return ExitCode.Of(exception);
    }

    /// <summary>The text alone.</summary>
    public void WriteText(Exception exception)
    {
        (string code, string message, string? hint) = Describe(exception);
        string[] lines = message.TrimEnd().Split('\n');
        terminal.Error.WriteLine(exception is OperationCanceledException ? lines[0] : $"error {code}: {PlainText.Of(lines[0])}");
        foreach (string line in lines[1..])
            terminal.Error.WriteLine("  " + PlainText.Of(line.Trim()));
        if (hint is not null)
            terminal.Error.WriteLine("  try:   " + PlainText.Of(hint.Trim().Replace("\n", "\n         ", StringComparison.Ordinal)));
        if (verbose && exception is not OperationCanceledException)
            terminal.Error.WriteLine(exception);
        terminal.Error.Flush();
    }

    /// <summary>The member <c>error</c> of an object.</summary>
    public static void WriteFields(Utf8JsonWriter writer, Exception exception)
    {
        (string code, string message, string? hint) = Describe(exception);
        writer.WriteStartObject("error");
        writer.WriteString("code", code);
        writer.WriteString("message", message);
        writer.WriteString("hint", hint);
        writer.WriteEndObject();
    }

    private void WriteJson(Exception exception)
    {
        try
        {
            JsonLine.Write(terminal.Output, writer => WriteFields(writer, exception));
        }
        catch (AudioTokenException)
        {
            // Standard output may be what failed; the text tells it.
        }
    }

    private static (string Code, string Message, string? Hint) Describe(Exception exception) => exception switch
    {
        OperationCanceledException => ("cancelled", "cancelled", null),
        AudioTokenException known => (Number(known.Code), known.Message, known.Hint),
        OutOfMemoryException => (Number(ErrorCode.OutOfMemory), "memory ran out", "draw a smaller picture (-W, -H), or free memory; a half-precision model takes as much, for it is widened"),
        IOException or UnauthorizedAccessException => (Number(ErrorCode.System), FirstLine(exception.Message), null),
        _ => (Number(ErrorCode.Internal), $"{exception.GetType().Name}: {FirstLine(exception.Message)}", "this is a fault of the program: run again with --verbose for the stack trace"),
    };

    private static Exception Unwrap(Exception exception) => exception is AggregateException { InnerExceptions: [Exception only] } ? Unwrap(only) : exception;

    private static string Number(int code) => string.Create(CultureInfo.InvariantCulture, $"AT{code}");

    private static string FirstLine(string message) => message.Split('\n')[0].TrimEnd();
}
