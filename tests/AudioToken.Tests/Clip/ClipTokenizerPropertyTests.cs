using System.Text;
using AudioToken.Models.Clip;
using CsCheck;
using Xunit;

namespace AudioToken.Tests.Clip;

public sealed class ClipTokenizerPropertyTests
{
    // Words that the tiny vocabulary merges well, its special strings, and any character at all, lone surrogates included.
    private static readonly Gen<string> s_text = Gen.OneOf(
        Gen.Char['a', 'z'].Array[1, 12].Select(letters => new string(letters)),
        Gen.OneOfConst(" ", "  ", "a photo of", "<*>", "<|endoftext|>", "<|StartOfText|>", "!", "'s", "...", "é", "e\u0301", "日本", "&amp;", "Σ", "\uD83D\uDE00"),
        Gen.Char.Array[0, 6].Select(any => new string(any))).Array[0, 30].Select(string.Concat);

    private static readonly ClipTokenizer s_tokenizer = WithPlaceholder();

    [Fact]
    public void Encode_DecodesBackToTheCleanedText() => s_text.Sample(text =>
    {
        string expected = PromptCleanerView.Clean(text);
        string actual = s_tokenizer.Decode(s_tokenizer.Encode(text));
        Assert.Equal(expected, actual.Replace(" ", "", StringComparison.Ordinal));
    }, iter: 3000, threads: 1);

    [Fact]
    public void EncodePadded_IsAlwaysFramedAndOfTheModelsLength() => s_text.Sample(text =>
    {
        TokenizedPrompt prompt = s_tokenizer.EncodePadded(text.Replace("<*>", "", StringComparison.Ordinal));
        Assert.Equal(77, prompt.Ids.Count);
        Assert.Equal(998, prompt.Ids[0]);
        Assert.Equal(999, prompt.Ids[prompt.TokenCount + 1]);
        Assert.All(prompt.Ids.Skip(prompt.TokenCount + 1), id => Assert.Equal(999, id));
        Assert.Equal(prompt.CutText is null, prompt.CutTokens.Count == 0);
    }, iter: 1000, threads: 1);

    [Fact]
    public void BytePairs_EqualThePlainAlgorithm()
    {
        PlainBytePairs plain = new(Encoding.UTF8.GetString(TokenizerFixtures.TinyFiles().Find("merges.txt")!));
        // Few letters, so that pairs overlap ("aaa") and many merges apply.
        Gen.OneOf(Gen.Char['a', 'z'], Gen.OneOfConst('a', 'n', 'i', 't', 'e', 'r'), Gen.OneOfConst('é', '日')).Array[1, 60].Select(letters => new string(letters)).Sample(
            word => Assert.Equal(plain.Encode(word), s_tokenizer.Encode(word)), iter: 3000, threads: 1);
    }

    [Fact]
    public void BytePairs_EqualThePlainAlgorithm_ForMergesInAnyOrder()
    {
        // Random merges over two letters, of short products, so that many of a file's merges apply to a word.
        Gen.Select(Gen.Int[0, 1000].Array[5, 60], Gen.OneOfConst('a', 'b').Array[1, 40].Select(letters => new string(letters))).Sample((picks, word) =>
        {
            List<string> symbols = ["a", "b", "a</w>", "b</w>"];
            List<string> lines = ["#version: 0.2"];
            foreach (int pick in picks)
            {
                string left = symbols[pick % symbols.Count], right = symbols[pick / 31 % symbols.Count];
                if (left.EndsWith("</w>", StringComparison.Ordinal) || (left + right).Count(char.IsAsciiLetter) > 5 || lines.Contains($"{left} {right}"))
                    continue;
                lines.Add($"{left} {right}");
                if (!symbols.Contains(left + right))
                    symbols.Add(left + right);
            }

            string merges = string.Join('\n', lines);
            ClipTokenizer tokenizer = ClipTokenizer.Load(new TokenizerFiles("random", name => name == "merges.txt" ? Encoding.UTF8.GetBytes(merges) : null));
            Assert.Equal(new PlainBytePairs(merges).Encode(word), tokenizer.Encode(word));
        }, iter: 5000, threads: 1);
    }

    [Fact]
    public void BytePairs_MergeAllPlacesOfAPair_BeforeAPairThatTheyMake()
    {
        // "abc" is made by line 4, and by line 6 once line 2 has taken the b; line 5 must wait for both places of line 6.
        const string Merges = "#version: 0.2\na b\nb c\na bc\nabc ab\nab c";
        ClipTokenizer tokenizer = ClipTokenizer.Load(new TokenizerFiles("two ways", name => name == "merges.txt" ? Encoding.UTF8.GetBytes(Merges) : null));
        Assert.Equal(["abc", "abc", "d"], tokenizer.Encode("abcabcd").Select(id => tokenizer.Decode([id])));
        Assert.Equal(new PlainBytePairs(Merges).Encode("abcabcd"), tokenizer.Encode("abcabcd"));
    }

    private static ClipTokenizer WithPlaceholder()
    {
        ClipTokenizer tokenizer = TokenizerFixtures.Tiny();
        tokenizer.AddPlaceholder("<*>");
        return tokenizer;
    }

    /// <summary>What a text's tokens must spell, without spaces: each piece between added tokens, cleaned.</summary>
    private static class PromptCleanerView
    {
        public static string Clean(string text)
        {
            StringBuilder result = new();
            string[] added = ["<*>", "<|endoftext|>", "<|startoftext|>"];
            int start = 0;
            for (int i = 0; i <= text.Length; i++)
            {
                string? token = i == text.Length ? "" : Array.Find(added, token => text.AsSpan(i).StartsWith(token, StringComparison.Ordinal));
                if (token is null)
                    continue;
                result.Append(PromptCleaner.Clean(text[start..i])).Append(token);
                start = i + token.Length;
                i = Math.Max(i, start - 1);
            }

            return result.ToString().Replace(" ", "", StringComparison.Ordinal);
        }
    }
}

/// <summary>Byte-pair encoding as the paper writes it: look for the best pair, merge it everywhere, begin again.</summary>
internal sealed class PlainBytePairs
{
    private readonly Dictionary<(string, string), int> _ranks = [];
    private readonly List<string> _vocabulary = [];

    public PlainBytePairs(string merges)
    {
        foreach (string ending in (string[])["", "</w>"])
        {
            foreach (byte value in ByteSymbols.VocabularyOrder)
                _vocabulary.Add(ByteSymbols.Of(value) + ending);
        }

        foreach (string line in merges.Trim().Split('\n').Skip(1))
        {
            string[] parts = line.Split(' ');
            _ranks.Add((parts[0], parts[1]), _ranks.Count);
            if (!_vocabulary.Contains(parts[0] + parts[1]))
                _vocabulary.Add(parts[0] + parts[1]);
        }
    }

    /// <summary>Ids of a text of letters.</summary>
    public IEnumerable<int> Encode(string letters)
    {
        List<string> word = [.. Encoding.UTF8.GetBytes(letters).Select(value => ByteSymbols.Of(value).ToString())];
        word[^1] += "</w>";
        while (true)
        {
            var pairs = word.Zip(word.Skip(1)).Where(_ranks.ContainsKey).ToList();
            if (pairs.Count == 0)
                return word.Select(symbol => _vocabulary.IndexOf(symbol));
            (string, string) best = pairs.MinBy(pair => _ranks[pair]);
            for (int i = 0; i + 1 < word.Count; i++)
            {
                if ((word[i], word[i + 1]) == best)
                {
                    word[i] += word[i + 1];
                    word.RemoveAt(i + 1);
                }
            }
        }
    }
}
