namespace AudioToken.Tests.Cli;

/// <summary>Standard error that does something to the world when a certain line is told.</summary>
internal sealed class LineWatcher(string line, Action act) : StringWriter
{
    public override void WriteLine(string? value)
    {
        base.WriteLine(value);
        if (value?.StartsWith(line, StringComparison.Ordinal) == true)
            act();
    }
}
