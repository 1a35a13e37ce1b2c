using System.Globalization;
using System.Net;
using System.Text;

namespace AudioToken.Models.Clip;

/// <summary>Brings a prompt to the form that CLIP's vocabulary was made for: repaired characters, single spaces, lower case.</summary>
/// <remarks>Follows transformers' slow CLIPTokenizer with ftfy 6.1.1 installed (the requirement of the original project), rule by rule, except
/// that text decoded with the wrong encoding ("mojibake") is not guessed back, and that entities are those of HTML 4.</remarks>
internal static class PromptCleaner
{
    // A repair can uncover another (an entity inside an entity); real text settles after one or two rounds.
    private const int MaxRounds = 8;
    private const int LongestEntity = 26; // '&', '#', 24 characters, ';'

    // What bytes 0x80..0x9F mean in Windows-1252; the five unassigned ones stay.
    private const string Windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—˜™š›œ\u009DžŸ";

    /// <summary>Cleans one piece of a prompt, one that holds no added token.</summary>
    public static string Clean(string text)
    {
        StringBuilder repaired = new(text.Length);
        bool entities = true;
        for (int at = 0; at < text.Length;)
        {
            int end = text.IndexOf('\n', at) + 1;
            string line = text[at..(end == 0 ? text.Length : end)];
            // A '<' means markup, in which an entity is meant to be one; the lines after it are taken to be of the same kind.
            entities &= !line.Contains('<');
            repaired.Append(Repair(line, entities));
            at += line.Length;
        }

        return Lower(CollapseSpaces(repaired));
    }

    private static string Repair(string text, bool entities)
    {
        for (int round = 0; round < MaxRounds; round++)
        {
            string before = text;
            if (entities)
                text = UnescapeEntities(text);
            text = UnicodeTables.Compose(RepairCharacters(text));
            if (text == before)
                break;
        }

        return text;
    }

    // One pass from left to right in which "&amp;amp;" unfolds in place: the '&' made by an entity may begin the next one.
    private static string UnescapeEntities(string text)
    {
        if (!text.Contains('&'))
            return text;
        StringBuilder result = new(text.Length);
        bool ampersand = false; // the character at i stands for an '&' already made
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '&' && !ampersand)
            {
                result.Append(text[i]);
                continue;
            }

            int length = 1;
            while (length < LongestEntity && i + length < text.Length && (char.IsAsciiLetterOrDigit(text[i + length]) || (length == 1 && text[i + 1] == '#')))
                length++;
            string entity = length > 1 && i + length < text.Length && text[i + length] == ';' ? $"&{text.AsSpan(i + 1, length)}" : "&";
            string meaning = entity.Length > 1 ? WebUtility.HtmlDecode(entity) : entity;
            ampersand = meaning == "&" && entity.Length > 1;
            if (ampersand)
            {
                i += length - 1; // the ';' comes next, as the '&'
                continue;
            }

            result.Append(meaning);
            i += entity.Length - 1;
        }

        return result.ToString();
    }

    private static string RepairCharacters(string text)
    {
        if (text.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0)
            return text;
        StringBuilder result = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c is >= '\u0080' and <= '\u009F')
                c = Windows1252[c - 0x80];
            if (c == '\u001B' && TerminalEscape(text, i) is > 0 and int length)
                i += length - 1;
            else if (char.IsSurrogate(c) && !(i + 1 < text.Length && char.IsSurrogatePair(c, text[i + 1])))
                result.Append('\uFFFD');
            else if (char.IsHighSurrogate(c))
                result.Append(c).Append(text[++i]);
            else if (!IsRemoved(c))
                result.Append(Ligature(c) ?? UnicodeTables.WidthForm(c) ?? Straight(c).ToString());
        }

        return result.ToString();
    }

    // ESC [ digits and semicolons, a letter: a colour code copied from a terminal. Zero if there is none.
    private static int TerminalEscape(string text, int at)
    {
        int end = at + 2;
        if (end > text.Length || text[at + 1] != '[')
            return 0;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == ';'))
            end++;
        return end < text.Length && char.IsAsciiLetter(text[end]) ? end + 1 - at : 0;
    }

    // Controls, deprecated format characters, the byte order mark, interlinear annotation; tab, line feed and form feed are spaces.
    private static bool IsRemoved(char c) =>
        c is < '\t' or '\v' or (> '\r' and < ' ') or '\u007F' or (>= '\u206A' and <= '\u206F') or '\uFEFF' or (>= '\uFFF9' and <= '\uFFFC');

    private static char Straight(char c) => c switch
    {
        '\u02BC' or (>= '\u2018' and <= '\u201B') => '\'',
        >= '\u201C' and <= '\u201F' => '"',
        _ => c,
    };

    private static string? Ligature(char c) => c switch
    {
        'Ĳ' => "IJ", 'ĳ' => "ij", 'ŉ' => "ʼn",
        'Ǆ' => "DŽ", 'ǅ' => "Dž", 'ǆ' => "dž", 'Ǉ' => "LJ", 'ǈ' => "Lj", 'ǉ' => "lj",
        'Ǌ' => "NJ", 'ǋ' => "Nj", 'ǌ' => "nj", 'Ǳ' => "DZ", 'ǲ' => "Dz", 'ǳ' => "dz",
        'ﬀ' => "ff", 'ﬁ' => "fi", 'ﬂ' => "fl", 'ﬃ' => "ffi", 'ﬄ' => "ffl", 'ﬅ' => "ſt", 'ﬆ' => "st",
        _ => null,
    };

    private static StringBuilder CollapseSpaces(StringBuilder text)
    {
        StringBuilder result = new(text.Length);
        foreach (ReadOnlyMemory<char> chunk in text.GetChunks())
        {
            foreach (char c in chunk.Span)
            {
                if (!char.IsWhiteSpace(c))
                    result.Append(c);
                else if (result.Length > 0 && result[^1] != ' ')
                    result.Append(' ');
            }
        }

        if (result.Length > 0 && result[^1] == ' ')
            result.Length--;
        return result;
    }

    // Python's str.lower: the runtime's simple mapping, and the two cases in which Unicode wants more than one character for one.
    private static string Lower(StringBuilder text)
    {
        string lower = text.ToString();
        if (lower.Contains('Σ'))
            lower = FinalSigmas(lower);
        return lower.Replace("İ", "i\u0307", StringComparison.Ordinal).ToLowerInvariant();
    }

    // A capital sigma that ends a word becomes 'ς': a letter stands before it and none after, marks and apostrophes not counted.
    private static string FinalSigmas(string text)
    {
        StringBuilder result = new(text.Length);
        bool afterLetter = false;
        int next = 0; // first character after i that counts, found again only once i has passed it
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == 'Σ' && afterLetter)
            {
                next = Math.Max(next, i + 1);
                while (next < text.Length && IsCaseIgnorable(text, next))
                    next++;
                c = next < text.Length && IsCased(text, next) ? 'σ' : 'ς';
            }

            if (!IsCaseIgnorable(text, i))
                afterLetter = IsCased(text, i);
            result.Append(c);
        }

        return result.ToString();
    }

    private static bool IsCased(string text, int at) =>
        CharUnicodeInfo.GetUnicodeCategory(text, at) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    private static bool IsCaseIgnorable(string text, int at) =>
        text[at] is '\'' or '.' or ':' or '^' or '`' or '·' or '\u2019' || CharUnicodeInfo.GetUnicodeCategory(text, at) is
            UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;
}
