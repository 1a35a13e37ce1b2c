using AudioToken.Models.Clip;
using Xunit;

namespace AudioToken.Tests.Clip;

public sealed class TokenizerFilesTests
{
    [Fact]
    public void MissingMerges_AreNamed() =>
        Refused(4300, "tokenizer has no merges.txt, the file that a tokenizer cannot do without.", ("merges.txt", (string?)null));

    [Theory]
    [InlineData("", "merges.txt, line 1 is '', expected '#version: …'.")]
    [InlineData("i n\nt h", "merges.txt, line 1 is 'i n', expected '#version: …'.")]
    [InlineData("#version: 0.2\ni n\nth\n", "merges.txt, line 3 is 'th', expected two symbols with a space between them.")]
    [InlineData("#version: 0.2\r\ni n\r\n\r\nt h\r\n", "merges.txt, line 3 is '', expected two symbols with a space between them.")]
    [InlineData("#version: 0.2\ni n g", "merges.txt, line 2 is 'i n g', expected two symbols with a space between them.")]
    [InlineData("#version: 0.2\nin g", "merges.txt, line 2 joins 'in', which is neither a byte nor made by a line above.")]
    [InlineData("#version: 0.2\ni n\ni n", "merges.txt, line 3 joins 'i' and 'n' again, first joined in line 2.")]
    public void MalformedMerges_AreRefusedWithTheLine(string merges, string message) => Refused(4302, message, ("merges.txt", merges));

    [Fact]
    public void OverlongLine_IsRefused() =>
        Refused(4302, "merges.txt, line 2 has 10,000,000 bytes, at most 1,024 are possible.", ("merges.txt", "#version: 0.2\n" + new string('a', 10_000_000)));

    [Fact]
    public void HugeFile_IsRefusedUnread()
    {
        string folder = Directory.CreateTempSubdirectory("audiotoken-").FullName;
        try
        {
            using (FileStream file = File.Create(Path.Combine(folder, "merges.txt")))
                file.SetLength(100L << 20); // sparse: it claims 100 MiB and has none
            ClipTokenizerTests.Refused(4301, "merges.txt has 104,857,600 bytes; a tokenizer's file has at most 16,777,216.",
                () => ClipTokenizer.Load(TokenizerFiles.FromFolder(folder)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("[]", "vocab.json, line 1 (byte 0): the file must be a JSON object.")]
    [InlineData("{\n\"a\": 0,\n\"b\": -1}", "vocab.json, line 3 (byte 15): 'b' has no id (an integer, not negative).")]
    [InlineData("{\n\"a\": 0,\n\"b\": \"x\"}", "vocab.json, line 3 (byte 15): 'b' has no id (an integer, not negative).")]
    [InlineData("{\"a\": 0,\n\"a\": 1}", "vocab.json, line 2 (byte 14): 'a' stands there twice.")]
    [InlineData("{\"a\": 0,\n\"b\": 0}", "vocab.json, line 2 (byte 14): 'b' has id 0, which 'a' has too.")]
    [InlineData("{\"a\": 0, \"b\": 2}", "vocab.json has 2 entries but none with id 1; ids must be 0 to 1 without a gap.")]
    [InlineData("{\"\\ud800\": 0}", "vocab.json, line 1 (byte 1): the string is not valid Unicode.")]
    public void MalformedVocabulary_IsRefusedWithTheLine(string vocabulary, string message) => Refused(4303, message, ("vocab.json", vocabulary));

    [Theory]
    [InlineData("{\"a\": 0,\n", "vocab.json, line 2 (byte ")]
    [InlineData("", "vocab.json, line 1 (byte 0): the JSON is broken (")]
    public void BrokenJson_IsRefusedWithTheLine(string vocabulary, string start)
    {
        var e = Assert.Throws<Tensors.AudioTokenException>(() => ClipTokenizer.Load(TokenizerFixtures.With(("vocab.json", vocabulary))));
        Assert.Equal(4303, e.Code);
        Assert.StartsWith(start, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void VocabularyOfOtherMerges_IsRefused() =>
        Refused(4304, "vocab.json has no 'in', which merges.txt makes; the two files are not of one model.",
            ("vocab.json", "{\"a\": 0}"), ("merges.txt", "#version: 0.2\ni n\n"));

    [Fact]
    public void UnknownSpecialToken_IsRefused() =>
        Refused(4305, "tokenizer: the special token '<pad>' is not among the vocabulary's 1,000 entries.", ("special_tokens_map.json", "{\"pad_token\": \"<pad>\"}"));

    [Fact]
    public void SpecialTokenOfAnotherType_IsRefused() =>
        Refused(4303, "special_tokens_map.json, line 1 (byte 14): 'pad_token' is neither a string nor an object with a string 'content'.",
            ("special_tokens_map.json", "{\"pad_token\": 5}"));

    [Theory]
    [InlineData("{\"<a>\": 1001}", "added_tokens.json gives '<a>' the id 1001, expected 1000.")]
    [InlineData("{\"<|endoftext|>\": 1000}", "added_tokens.json gives '<|endoftext|>' the id 1000, expected 999.")]
    public void AddedTokenWithAGap_IsRefused(string added, string message) => Refused(4303, message, ("added_tokens.json", added));

    private static void Refused(int code, string message, params (string Name, string? Content)[] changes) =>
        ClipTokenizerTests.Refused(code, message, () => ClipTokenizer.Load(TokenizerFixtures.With(changes)));
}
