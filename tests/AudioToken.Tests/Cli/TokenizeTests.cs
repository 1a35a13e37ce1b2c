using System.Text.Json;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Cli;

[Collection(CliTests.Name)]
public sealed class TokenizeTests(CliDemo demo)
{
    private static readonly string s_tokenizer = Path.Combine(Goldens.PathOf("tiny-hf"), "tokenizer");

    [Fact]
    public void Ids_EqualTheRecordedOnesOneObjectAPrompt()
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(Goldens.PathOf("b4_tiny_tokenizer.json")));
        JsonElement[] cases = [.. golden.RootElement.GetProperty("cases").EnumerateArray().Where(Comparable)];
        Assert.NotEmpty(cases);
        CliRun run = demo.Run(["tokenize", "--tokenizer", s_tokenizer, "--json", "--", .. cases.Select(Prompt)]).Exits(0);

        string[] lines = run.Text.TrimEnd('\n').Split('\n');
        Assert.Equal(cases.Length, lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            using JsonDocument line = JsonDocument.Parse(lines[i]);
            Assert.Equal(cases[i].GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), line.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        }
    }

    [Fact]
    public void Text_IsALineAPrompt() => Assert.Equal("998 320 549 514 1000 999\n998 1000 999\n", demo.Run("tokenize", "--tokenizer", s_tokenizer, "a photo of <*>", "<*>").Exits(0).Text);

    [Fact]
    public void Demonstration_HasATokenizerOfItsOwn() => Assert.Equal("998 1000 999\n", demo.Run("tokenize", "<*>").Exits(0).Text);

    [Fact]
    public void Model_GivesTheSameIds() => Assert.Equal("998 1000 999\n", demo.Run("tokenize", "-m", Goldens.PathOf("tiny-hf"), "<*>").Exits(0).Text);

    [Theory]
    [InlineData("tiny-hf", 999)]
    [InlineData("tiny-hf-sd2", 0)]
    public void Padded_GivesSeventySevenIds(string model, int pad)
    {
        JsonElement json = demo.Run("tokenize", "-m", Goldens.PathOf(model), "--padded", "--json", "<*>").Exits(0).Json;

        int[] ids = [.. json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        Assert.Equal([998, 1000, 999, .. Enumerable.Repeat(pad, 74)], ids);
    }

    [Fact]
    public void FolderWithoutTokenizer_IsRefused() => demo.Run("tokenize", "--tokenizer", demo.NewFolder(), "x").Refuses(4300, "merges.txt");

    [Fact]
    public void ModelAndTokenizer_AreRefusedTogether() => demo.Run("tokenize", "-m", "x", "--tokenizer", "y", "z").Refuses(2501, "both --model and --tokenizer");

    [Fact]
    public void NoPrompt_IsRefused() => demo.Run("tokenize").Refuses(2501, "audiotoken tokenize --help");

    [Fact]
    public void PromptBeginningWithADash_WantsTwoDashes()
    {
        demo.Run("tokenize", "-5 degrees").Refuses(2501, "'--'");
        demo.Run("tokenize", "--", "-5 degrees").Exits(0);
    }

    // Arguments of a process cannot hold NUL, and ftfy's repairs are not made here.
    private static bool Comparable(JsonElement test) =>
        !test.TryGetProperty("ftfy_text", out _) && !Prompt(test).Contains('\0', StringComparison.Ordinal);

    private static string Prompt(JsonElement test) => test.GetProperty("prompt").GetString()!;
}
