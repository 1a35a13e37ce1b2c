using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using AudioToken.Tensors;

namespace AudioToken.Models.Clip;

/// <summary>Turns a prompt into the token ids of CLIP's text encoder.</summary>
/// <remarks>Radford et al. 2021; ids equal those of transformers' CLIPTokenizer with ftfy installed, except that text decoded with the
/// wrong encoding is not repaired. A special token that is typed in a prompt becomes that special token, as it does there.
/// Encoding may be done from many threads; adding a placeholder may not go on beside it.</remarks>
public sealed class ClipTokenizer
{
    /// <summary>Positions of the text encoder, begin and end of text among them.</summary>
    public const int ContextLength = 77;

    // Longer words are rarely seen twice, and a full cache stays as it is: memory is bounded whatever is typed.
    private const int MaxCachedWordLength = 64, MaxCachedWords = 16_384;

    private static readonly string[] s_contractions = ["'s", "'ſ", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private readonly BytePairEncoder _encoder;
    private readonly ClipVocabulary _vocabulary;
    private readonly int[] _symbolIds;
    private readonly List<string> _tokens;
    private readonly HashSet<int> _placeholders = [];
    private readonly ConcurrentDictionary<string, int[]> _cache = [];

    private ClipTokenizer(BytePairEncoder encoder, ClipVocabulary vocabulary)
    {
        _encoder = encoder;
        _vocabulary = vocabulary;
        _tokens = [.. vocabulary.Ids.OrderBy(pair => pair.Value).Select(pair => pair.Key)];
        (BosId, EosId, PadId) = (vocabulary.Ids[vocabulary.Bos], vocabulary.Ids[vocabulary.Eos], vocabulary.Ids[vocabulary.Pad]);
        _symbolIds = [.. encoder.Symbols.Select(symbol => vocabulary.Ids.GetValueOrDefault(symbol, vocabulary.Ids[vocabulary.Unk]))];
    }

    /// <summary>Id of the begin of text.</summary>
    public int BosId { get; }

    /// <summary>Id of the end of text.</summary>
    public int EosId { get; }

    /// <summary>Id that fills the positions after the end of text: the end again (Stable Diffusion 1) or 0 (2).</summary>
    public int PadId { get; }

    /// <summary>Number of tokens, added ones among them; ids are below it.</summary>
    public int VocabularySize => _tokens.Count;

    /// <summary>Reads a tokenizer's files.</summary>
    /// <exception cref="AudioTokenException">43xx: a file is missing, too large or malformed; the message names file and line.</exception>
    public static ClipTokenizer Load(TokenizerFiles files)
    {
        byte[] merges = files.Find("merges.txt")
            ?? throw new AudioTokenException(4300, $"{files.Description} has no merges.txt, the file that a tokenizer cannot do without.",
                "A diffusers model keeps it in its folder 'tokenizer'.");
        BytePairEncoder encoder = BytePairEncoder.Parse(merges);
        return new ClipTokenizer(encoder, ClipVocabulary.Read(files, encoder));
    }

    /// <summary>Adds a token of its own for the audio, and gives its id: the vocabulary's size before.</summary>
    /// <param name="token">What stands for the sound in a prompt, e.g. <c>&lt;*&gt;</c>; found exactly, case and all.</param>
    /// <exception cref="AudioTokenException">2302: the text is blank, or is a token already.</exception>
    public int AddPlaceholder(string token)
    {
        if (string.IsNullOrWhiteSpace(token))
            throw new AudioTokenException(2302, "The placeholder is blank; it must be a text that a prompt can hold, such as '<*>'.");
        if (_vocabulary.Ids.TryGetValue(token, out int known))
            throw new AudioTokenException(2302, $"The placeholder '{token}' is a token of the vocabulary already (id {known}).", "Choose a text that is no word, such as '<*>'.");
        int id = _vocabulary.Append(token);
        _tokens.Add(token);
        _placeholders.Add(id);
        return id;
    }

    /// <summary>The ids of a text, without begin and end of text, however many they are.</summary>
    public IReadOnlyList<int> Encode(string text)
    {
        List<int> ids = [];
        int start = 0;
        for (int i = 0; i < text.Length;)
        {
            if (AddedTokenAt(text, i) is not string added)
            {
                i++;
                continue;
            }

            EncodePiece(text[start..i], ids);
            ids.Add(_vocabulary.Ids[added]);
            i += added.Length;
            start = i;
        }

        EncodePiece(text[start..], ids);
        return ids;
    }

    /// <summary>The ids of a text between begin and end of text, cut or padded to a length.</summary>
    /// <exception cref="AudioTokenException">2301: a placeholder stands where the text is cut off, so its sound would be lost.</exception>
    public TokenizedPrompt EncodePadded(string text, int length = ContextLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 2);
        IReadOnlyList<int> all = Encode(text);
        int kept = Math.Min(all.Count, length - 2);
        int[] ids = new int[length];
        Array.Fill(ids, PadId);
        ids[0] = BosId;
        List<int> placeholders = [];
        for (int i = 0; i < kept; i++)
        {
            ids[i + 1] = all[i];
            if (_placeholders.Contains(all[i]))
                placeholders.Add(i + 1);
        }

        ids[kept + 1] = EosId;
        for (int i = kept; i < all.Count; i++)
        {
            if (_placeholders.Contains(all[i]))
            {
                throw new AudioTokenException(2301,
                    $"The prompt has {all.Count} tokens and its placeholder '{_tokens[all[i]]}' is number {i + 1}; only {length - 2} fit, so its sound would be cut off.",
                    "Move the placeholder to the front or shorten the prompt.");
            }
        }

        int[] cut = [.. all.Skip(kept)];
        return new TokenizedPrompt(ids, kept, placeholders, cut, cut.Length == 0 ? null : Decode(cut));
    }

    /// <summary>The text of ids; a space follows each word. Ids outside the vocabulary are an error.</summary>
    public string Decode(IEnumerable<int> ids)
    {
        List<byte> bytes = [];
        foreach (int id in ids)
        {
            string token = _tokens[id];
            if (_vocabulary.Added.Contains(token) && token.Length > 1)
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(token + " "));
                continue;
            }

            bool ends = token.EndsWith(BytePairEncoder.EndOfWord, StringComparison.Ordinal);
            ByteSymbols.AppendBytes(ends ? token[..^BytePairEncoder.EndOfWord.Length] : token, bytes);
            if (ends)
                bytes.Add((byte)' ');
        }

        return Encoding.UTF8.GetString([.. bytes]).TrimEnd(' ');
    }

    // The longest added token that begins at a place.
    private string? AddedTokenAt(string text, int at)
    {
        string? longest = null;
        foreach (string token in _vocabulary.Added)
        {
            if (token.Length > (longest?.Length ?? 0) && text.AsSpan(at).StartsWith(token, StringComparison.Ordinal))
                longest = token;
        }

        return longest;
    }

    private void EncodePiece(string piece, List<int> ids)
    {
        string text = PromptCleaner.Clean(piece);
        for (int i = 0; i < text.Length;)
        {
            int length = WordLength(text, i);
            if (text[i] != ' ')
                ids.AddRange(EncodeWord(text.Substring(i, length)));
            i += length;
        }
    }

    // Words as CLIP's pattern finds them: a special token, a contraction, letters, one digit, or a run of anything else.
    private int WordLength(string text, int at)
    {
        ReadOnlySpan<char> rest = text.AsSpan(at);
        foreach (string special in (ReadOnlySpan<string>)[_vocabulary.Bos, _vocabulary.Eos])
        {
            if (rest.StartsWith(special, StringComparison.Ordinal))
                return special.Length;
        }

        foreach (string contraction in s_contractions)
        {
            if (rest.StartsWith(contraction, StringComparison.Ordinal))
                return contraction.Length;
        }

        WordKind kind = KindAt(rest, 0, out int length);
        while (kind != WordKind.Number && kind != WordKind.Space && length < rest.Length && KindAt(rest, length, out int next) == kind)
            length += next;
        return length;
    }

    private static WordKind KindAt(ReadOnlySpan<char> text, int at, out int length)
    {
        if (text[at] == ' ')
        {
            length = 1;
            return WordKind.Space;
        }

        Rune.DecodeFromUtf16(text[at..], out Rune rune, out length);
        return Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => WordKind.Letter, // upper, lower, title, modifier, other: the first five
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => WordKind.Number,
            _ => WordKind.Other,
        };
    }

    private int[] EncodeWord(string word)
    {
        // Typed in another case a special token is not split off as an added token, but lower case makes it one after all.
        if (word == _vocabulary.Bos || word == _vocabulary.Eos)
            return [_vocabulary.Ids[word]];
        if (_cache.TryGetValue(word, out int[]? cached))
            return cached;
        int[] ids = [.. _encoder.Encode(Encoding.UTF8.GetBytes(word)).Select(symbol => _symbolIds[symbol])];
        if (word.Length <= MaxCachedWordLength && _cache.Count < MaxCachedWords)
            _cache.TryAdd(word, ids);
        return ids;
    }

    private enum WordKind
    {
        Letter,
        Number,
        Other,
        Space,
    }
}
