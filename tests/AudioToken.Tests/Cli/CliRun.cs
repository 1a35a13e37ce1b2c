using System.Text;
using System.Text.Json;
using Xunit;

namespace AudioToken.Tests.Cli;

/// <summary>What a run of the command line left.</summary>
/// <param name="Exit">Exit code.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
public sealed record CliRun(int Exit, byte[] Output, string Error)
{
    public string Text => Encoding.UTF8.GetString(Output);

    /// <summary>Standard output as one JSON object, which must be one line.</summary>
    public JsonElement Json
    {
        get
        {
            Assert.Equal(1, Text.Count(c => c == '\n'));
            using JsonDocument document = JsonDocument.Parse(Text);
            return document.RootElement.Clone();
        }
    }

    /// <summary>Asserts an exit code, showing what was said where it is another.</summary>
    public CliRun Exits(int code)
    {
        Assert.True(Exit == code, $"exit code {Exit}, wanted {code}; it said:\n{Error}\n{Text}");
        return this;
    }

    /// <summary>Asserts a refusal: its code, its family as exit code, its words, and no stack trace.</summary>
    public CliRun Refuses(int code, params IReadOnlyList<string> words)
    {
        Exits(code / 1000);
        Assert.Contains($"error AT{code}: ", Error, StringComparison.Ordinal);
        foreach (string word in words)
            Assert.Contains(word, Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        return this;
    }
}
