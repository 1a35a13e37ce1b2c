namespace AudioToken.Cli;

/// <summary>What a command tells a person while it works, on standard error.</summary>
internal sealed class Messages(Terminal terminal, bool quiet, bool verbose)
{
    private readonly List<string> _warnings = [];
    private Action<string>? _redirect;

    /// <summary>True if nothing but errors is wanted.</summary>
    public bool Quiet => quiet;

    /// <summary>Every warning so far, told or not.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Tells a fact.</summary>
    public void Note(string text)
    {
        if (!quiet)
            Line(text);
    }

    /// <summary>Tells a fact that few want to know.</summary>
    public void Detail(string text)
    {
        if (verbose && !quiet)
            Line(text);
    }

    /// <summary>Tells something to look at, once.</summary>
    public void Warn(string text)
    {
        if (_warnings.Contains(text))
            return;
        _warnings.Add(text);
        Note("warning: " + text);
    }

    /// <summary>Sends lines elsewhere while a bar owns the screen; null gives them back.</summary>
    public void Redirect(Action<string>? writeLine) => _redirect = writeLine;

    private void Line(string text)
    {
        string line = PlainText.Of(text);
        if (_redirect is { } redirect)
            redirect(line);
        else
            terminal.Error.WriteLine(line);
    }
}
