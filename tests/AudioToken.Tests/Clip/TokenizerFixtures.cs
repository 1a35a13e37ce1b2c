using System.Text;
using System.Text.Json;
using AudioToken.Models.Clip;
using AudioToken.Testing;

namespace AudioToken.Tests.Clip;

/// <summary>Tokenizers and golden prompts for the tests of this folder.</summary>
internal static class TokenizerFixtures
{
    public static TokenizerFiles TinyFiles(string checkpoint = "tiny-hf") => TokenizerFiles.FromFolder(Goldens.PathOf(Path.Combine(checkpoint, "tokenizer")));

    public static ClipTokenizer Tiny(string checkpoint = "tiny-hf") => ClipTokenizer.Load(TinyFiles(checkpoint));

    /// <summary>The tiny tokenizer's files with some of them replaced; null takes a file away.</summary>
    public static TokenizerFiles With(params (string Name, string? Content)[] changes) =>
        With([.. changes.Select(change => (change.Name, change.Content is null ? null : Encoding.UTF8.GetBytes(change.Content)))]);

    public static TokenizerFiles With(params (string Name, byte[]? Content)[] changes)
    {
        TokenizerFiles tiny = TinyFiles();
        return new TokenizerFiles("tokenizer", name => changes.Any(change => change.Name == name) ? changes.First(change => change.Name == name).Content : tiny.Find(name));
    }

    public static IEnumerable<GoldenPrompt> Prompts(string golden)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Goldens.PathOf(golden)));
        foreach (JsonElement each in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            yield return new GoldenPrompt(
                each.GetProperty("prompt").GetString()!,
                [.. each.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())],
                each.TryGetProperty("ftfy_text", out _));
        }
    }
}

/// <summary>A prompt, its ids between begin and end of text, and whether ftfy changes the prompt.</summary>
internal sealed record GoldenPrompt(string Prompt, int[] Ids, bool NeedsRepair);
