namespace AudioToken.Testing;

/// <summary>Standard error that does something to the world when a certain line is told.</summary>
public sealed class LineWatcher(string line, Action act) : StringWriter
{
    /// <inheritdoc/>
    public override void WriteLine(string? value)
    {
        base.WriteLine(value);
        if (value?.StartsWith(line, StringComparison.Ordinal) == true)
            act();
    }
}
