using AudioToken.Models.Clip;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Tests.Clip;

public sealed class ClipTokenizerGoldenTests
{
    // UTF-8 that was read as Windows-1252: ftfy guesses the original back, we take the text as it stands.
    private static readonly string[] s_mojibake = ["âœ” mojibake", "Ã©tÃ©"];

    [Fact]
    public void Encode_EqualsTheReference_WithTheTinyVocabulary() => AgreesExceptForMojibake(TokenizerFixtures.Tiny(), "b4_tiny_tokenizer.json");

    [Fact]
    public void Encode_EqualsTheReference_WithClipsVocabulary() => AgreesExceptForMojibake(ClipTokenizer.Load(ClipFiles()), "b4_clip_tokenizer.json");

    [Fact]
    public void Encode_EqualsTheReference_WithAVocabularyRebuiltFromTheMerges()
    {
        TokenizerFiles files = ClipFiles();
        ClipTokenizer rebuilt = ClipTokenizer.Load(new TokenizerFiles("merges alone", name => name == "merges.txt" ? files.Find(name) : null));
        Assert.Equal((49406, 49407, 49408), (rebuilt.BosId, rebuilt.EosId, rebuilt.VocabularySize));
        AgreesExceptForMojibake(rebuilt, "b4_clip_tokenizer.json");
    }

    [Fact]
    public void Encode_GivesTheKnownAnswers()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Load(ClipFiles());
        Assert.Equal(49408, tokenizer.AddPlaceholder("<*>"));
        Assert.Equal([320, 1125, 539, 49408, 267, 275, 330, 267, 1400, 9977], tokenizer.Encode("a photo of <*>, 4k, high resolution"));
        Assert.Equal([3306, 267, 1002, 256, 585, 568, 273, 271, 273, 274], tokenizer.Encode("Hello, world!  It's 2023"));
        Assert.Equal([15304], tokenizer.Encode("café"));
    }

    private static void AgreesExceptForMojibake(ClipTokenizer tokenizer, string golden)
    {
        tokenizer.AddPlaceholder("<*>");
        List<string> deviating = [];
        foreach (GoldenPrompt each in TokenizerFixtures.Prompts(golden))
        {
            int[] ids = [tokenizer.BosId, .. tokenizer.Encode(each.Prompt), tokenizer.EosId];
            if (ids.AsSpan().SequenceEqual(each.Ids))
                continue;
            Assert.True(each.NeedsRepair, $"'{each.Prompt}': {string.Join(' ', ids)}, expected {string.Join(' ', each.Ids)}");
            deviating.Add(each.Prompt);
        }

        Assert.Equal(s_mojibake, deviating);
    }

    private static TokenizerFiles ClipFiles()
    {
        string? folder = SharedData.PathOf("clip-tokenizer");
        Assert.SkipWhen(folder is null, "CLIP's vocabulary is not here: it is third-party data.");
        return TokenizerFiles.FromFolder(folder);
    }
}
