using AudioToken.Cli.Output;

namespace AudioToken.Cli;

/// <summary>All that a command touches of the process around it, so that a test can stand in for it.</summary>
internal sealed record Terminal
{
    /// <summary>Opens standard input.</summary>
    public required Func<Stream> OpenInput { get; init; }

    /// <summary>Standard output: results only.</summary>
    public required Stream Output { get; init; }

    /// <summary>Standard error: everything said to a person.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>True if standard error is a screen that a bar can be drawn on.</summary>
    public bool ErrorIsScreen { get; init; }

    /// <summary>Reads an environment variable.</summary>
    public Func<string, string?> Variable { get; init; } = _ => null;

    /// <summary>An environment variable's value; null where it is not set, or empty, which is the same.</summary>
    public string? Set(string name) => Variable(name) is { Length: > 0 } value ? value : null;

    /// <summary>Folder of the demonstration model and of the self-test's recording.</summary>
    public string DemoFolder { get; init; } = Path.Combine(AppContext.BaseDirectory, "Demo");

    /// <summary>True unless the user asked for no colours (no-color.org).</summary>
    public bool Colours => Set("NO_COLOR") is null;

    /// <summary>The terminal of this process.</summary>
    public static Terminal OfProcess() => new()
    {
        OpenInput = Console.OpenStandardInput,
        Output = new OutputStream(Console.OpenStandardOutput()),
        Error = new ErrorWriter(Console.Error),
        ErrorIsScreen = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb",
        Variable = Environment.GetEnvironmentVariable,
    };

    /// <summary>Writes a line of text to standard output.</summary>
    public void WriteLine(string line)
    {
        Output.Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));
        Output.Flush();
    }
}
