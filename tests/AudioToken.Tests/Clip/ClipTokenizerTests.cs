using System.Text;
using AudioToken.Models.Clip;
using AudioToken.Tensors;
using Xunit;

namespace AudioToken.Tests.Clip;

public sealed class ClipTokenizerTests
{
    [Theory]
    [InlineData("tiny-hf", 999)]
    [InlineData("tiny-hf-sd2", 0)]
    public void EncodePadded_FillsWithTheModelsPadding(string checkpoint, int pad)
    {
        TokenizedPrompt empty = TokenizerFixtures.Tiny(checkpoint).EncodePadded("");
        Assert.Equal([998, 999, .. Enumerable.Repeat(pad, 75)], empty.Ids);
        Assert.Equal(0, empty.TokenCount);
        Assert.Null(empty.CutText);
    }

    [Fact]
    public void Encode_SplitsOutTheExclamationMark_OnlyWhereItIsThePadding()
    {
        Assert.Equal([256], TokenizerFixtures.Tiny("tiny-hf").Encode("!"));
        Assert.Equal([0, 0], TokenizerFixtures.Tiny("tiny-hf-sd2").Encode("!!"));
    }

    [Fact]
    public void SpecialTokensMap_WinsOverTheConfig()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Load(TokenizerFixtures.With(
            ("tokenizer_config.json", """{"pad_token": "<|endoftext|>", "extra": [1, {"a": 2}]}"""), ("special_tokens_map.json", """{"pad_token": {"lstrip": false, "content": "!"}}""")));
        Assert.Equal(0, tokenizer.PadId);
    }

    [Fact]
    public void AddPlaceholder_TakesTheNextId_AndIsFoundInText()
    {
        ClipTokenizer tokenizer = TokenizerFixtures.Tiny();
        Assert.Equal(1000, tokenizer.AddPlaceholder("<*>"));
        TokenizedPrompt prompt = tokenizer.EncodePadded("<*> and <*>");
        Assert.Equal(1000, prompt.Ids[prompt.PlaceholderPositions[0]]);
        Assert.Equal([1, prompt.TokenCount], prompt.PlaceholderPositions);
    }

    [Fact]
    public void AddedTokens_LongestWins_AndFilesMayBringThem()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Load(TokenizerFixtures.With(("added_tokens.json", """{"<a>": 1000, "<a>b": 1001, "<|endoftext|>": 999}""")));
        Assert.Equal([1001, 1000], tokenizer.Encode("<a>b<a>"));
        Assert.Equal(1002, tokenizer.AddPlaceholder("<*>"));
    }

    [Theory]
    [InlineData("a</w>", "The placeholder 'a</w>' is a token of the vocabulary already (id 320).")]
    [InlineData("<|endoftext|>", "The placeholder '<|endoftext|>' is a token of the vocabulary already (id 999).")]
    [InlineData(" ", "The placeholder is blank; it must be a text that a prompt can hold, such as '<*>'.")]
    public void AddPlaceholder_RefusesWhatIsATokenAlready(string token, string message) =>
        Refused(2302, message, () => TokenizerFixtures.Tiny().AddPlaceholder(token));

    [Fact]
    public void EncodePadded_SaysWhatWasCut()
    {
        TokenizedPrompt prompt = TokenizerFixtures.Tiny().EncodePadded(string.Concat(Enumerable.Repeat("1", 75)) + ", two words");
        Assert.Equal(75, prompt.TokenCount);
        Assert.Equal(999, prompt.Ids[76]);
        Assert.Equal(", two words", prompt.CutText!.Replace(" ,", ",", StringComparison.Ordinal));
        Assert.NotEmpty(prompt.CutTokens);
    }

    [Fact]
    public void EncodePadded_RefusesToCutThePlaceholder()
    {
        ClipTokenizer tokenizer = TokenizerFixtures.Tiny();
        tokenizer.AddPlaceholder("<*>");
        string digits = new('1', 74);
        Assert.Equal([75], tokenizer.EncodePadded(digits + "<*> 1").PlaceholderPositions);
        Refused(2301, "The prompt has 76 tokens and its placeholder '<*>' is number 76; only 75 fit, so its sound would be cut off.",
            () => tokenizer.EncodePadded(digits + "1<*>"));
    }

    [Theory]
    [InlineData("<|endoftext|>")]
    [InlineData("<|EndOfText|>")] // lower case comes after the split, and the pattern knows the special token too
    public void TypedSpecialToken_BecomesThatToken_AsInTheReference(string text) => Assert.Equal([999], TokenizerFixtures.Tiny().Encode(text));

    [Fact]
    public void HostileText_IsEncodedAsItsRepairedForm()
    {
        ClipTokenizer tokenizer = TokenizerFixtures.Tiny();
        Assert.Equal(tokenizer.Encode("a\uFFFDb"), tokenizer.Encode("a\uD800b"));
        Assert.Equal(tokenizer.Encode("a\uFFFD"), tokenizer.Encode("a\uDC00"));
        Assert.Equal(tokenizer.Encode("ab"), tokenizer.Encode("a\0b\u001B[31m"));
        Assert.Equal(tokenizer.Encode("&"), tokenizer.Encode("&" + string.Concat(Enumerable.Repeat("amp;", 100_000))));
        Assert.Equal(tokenizer.Encode("'\"€…&amp <&lt;"), tokenizer.Encode("\u2019\u201C\u0080\u0085&amp <&lt;"));
    }

    // Each would take hours if any step were quadratic; they finish in a second or two.
    [Theory]
    [InlineData("a")]
    [InlineData("ab")]
    [InlineData("!")]
    [InlineData("\u0301\u0323")]
    [InlineData("Σ\u0301")]
    [InlineData("&")]
    [InlineData("\u202E")]
    [InlineData("\uD800")]
    public void AMillionCharactersWithoutASpace_AreEncoded(string unit)
    {
        StringBuilder text = new();
        while (text.Length < 1_000_000)
            text.Append(unit);
        TokenizedPrompt prompt = TokenizerFixtures.Tiny().EncodePadded(text.ToString());
        Assert.Equal(75, prompt.TokenCount);
        Assert.True(prompt.CutTokens.Count > 1000);
    }

    internal static void Refused(int code, string message, Action action)
    {
        AudioTokenException e = Assert.Throws<AudioTokenException>(action);
        Assert.Equal((code, message), (e.Code, e.Message));
    }
}
