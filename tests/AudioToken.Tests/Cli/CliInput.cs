namespace AudioToken.Tests.Cli;

/// <summary>What a run of the command line finds around it.</summary>
public sealed record CliInput
{
    public Stream Stream { get; init; } = Stream.Null;

    public StringWriter Error { get; init; } = new();

    public bool ErrorIsScreen { get; init; }

    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    public string? DemoFolder { get; init; }

    public CancellationToken Cancellation { get; init; }
}
