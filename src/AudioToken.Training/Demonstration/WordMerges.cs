using System.Text;

namespace AudioToken.Training.Demonstration;

/// <summary>Learns the merges of a byte-pair vocabulary in which every word of given texts is one token. Sennrich et al. 2016.</summary>
internal static class WordMerges
{
    private const string EndOfWord = "</w>";

    /// <summary>The merges as the file <c>merges.txt</c> has them; the same for the same words.</summary>
    /// <param name="texts">Texts of lower-case ASCII; what is no letter parts words.</param>
    public static byte[] Learn(IEnumerable<string> texts)
    {
        List<string>[] words = [.. texts.SelectMany(Words).Distinct().Order(StringComparer.Ordinal).Select(Symbols)];
        StringBuilder file = new("#version: 0.2\n");
        while (MostFrequent(words) is (string left, string right))
        {
            file.Append(left).Append(' ').Append(right).Append('\n');
            foreach (List<string> word in words)
                Merge(word, left, right);
        }

        return Encoding.ASCII.GetBytes(file.ToString());
    }

    private static IEnumerable<string> Words(string text) =>
        new string([.. text.Select(c => char.IsAsciiLetterLower(c) ? c : ' ')]).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static List<string> Symbols(string word) => [.. word.Select((c, i) => i == word.Length - 1 ? c + EndOfWord : c.ToString())];

    // Of pairs that stand as often, the first in the order of their letters: the file must not depend on the order of a table.
    private static (string Left, string Right)? MostFrequent(List<string>[] words)
    {
        Dictionary<(string Left, string Right), int> counts = [];
        foreach (List<string> word in words)
        {
            for (int i = 1; i < word.Count; i++)
                counts[(word[i - 1], word[i])] = counts.GetValueOrDefault((word[i - 1], word[i])) + 1;
        }

        return counts.Count == 0 ? null : counts
            .OrderByDescending(pair => pair.Value)
            .ThenBy(pair => pair.Key.Left, StringComparer.Ordinal)
            .ThenBy(pair => pair.Key.Right, StringComparer.Ordinal)
            .First().Key;
    }

    private static void Merge(List<string> word, string left, string right)
    {
        for (int i = 0; i + 1 < word.Count; i++)
        {
            if (word[i] == left && word[i + 1] == right)
            {
                word[i] = left + right;
                word.RemoveAt(i + 1);
            }
        }
    }
}
