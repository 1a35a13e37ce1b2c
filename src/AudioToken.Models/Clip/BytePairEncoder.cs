using System.Text;
using AudioToken.Tensors;

namespace AudioToken.Models.Clip;

/// <summary>Joins a word's bytes into the symbols of a vocabulary, by the order in which the vocabulary learnt them.</summary>
/// <remarks>Sennrich et al. 2016, on bytes; the last symbol of a word carries <c>&lt;/w&gt;</c>. Symbols are numbered
/// in the vocabulary's own order: 256 bytes, the same ending a word, then one for each merge.</remarks>
internal sealed class BytePairEncoder
{
    /// <summary>The mark of a symbol that ends a word.</summary>
    public const string EndOfWord = "</w>";

    private const int WordEnd = 256;

    // CLIP's files hold more merges than its vocabulary has room for: 49,152 less the 256 first symbols and two specials are read.
    private const int MaxMerges = 49_152 - 256 - 2;
    private const int MaxLineBytes = 1024;

    private readonly Dictionary<(int Left, int Right), (int Rank, int Product)> _merges = [];
    private readonly int[] _byteSymbols = new int[256];
    private readonly List<string> _symbols = [];

    private BytePairEncoder()
    {
    }

    /// <summary>The text of each symbol, in the order of the vocabulary.</summary>
    public IReadOnlyList<string> Symbols => _symbols;

    /// <summary>Reads merges.txt: a version line, then two symbols a line.</summary>
    /// <exception cref="AudioTokenException">4302: a line is not what it should be; the message has its number.</exception>
    public static BytePairEncoder Parse(byte[] merges)
    {
        BytePairEncoder encoder = new();
        Dictionary<string, int> numbers = [];
        for (int half = 0; half < 2; half++)
        {
            foreach (byte value in ByteSymbols.VocabularyOrder)
            {
                if (half == 0)
                    encoder._byteSymbols[value] = encoder._symbols.Count;
                encoder.Add(ByteSymbols.Of(value) + (half == 0 ? "" : EndOfWord), numbers);
            }
        }

        int line = 0;
        ReadOnlySpan<byte> text = merges.AsSpan().TrimEnd("\r\n"u8);
        foreach (Range range in text.Split((byte)'\n'))
        {
            if (++line > MaxMerges + 1)
                break;
            encoder.AddLine(line, text[range].TrimEnd((byte)'\r'), numbers);
        }

        return encoder;
    }

    /// <summary>Splits one word, given as its UTF-8 bytes, into symbol numbers; takes n log n for n bytes.</summary>
    public List<int> Encode(ReadOnlySpan<byte> word)
    {
        // A linked list of symbols over the word's positions; a merge keeps the left one's place and drops the right one's.
        int[] symbols = new int[word.Length], next = new int[word.Length], previous = new int[word.Length];
        for (int i = 0; i < word.Length; i++)
            (symbols[i], next[i], previous[i]) = (_byteSymbols[word[i]], i + 1, i - 1);
        symbols[^1] += WordEnd;

        PriorityQueue<(int Left, int Right, int Product), (int Rank, int Position)> candidates = new();
        void Offer(int at)
        {
            if (at >= 0 && next[at] < symbols.Length && _merges.TryGetValue((symbols[at], symbols[next[at]]), out (int Rank, int Product) merge))
                candidates.Enqueue((symbols[at], symbols[next[at]], merge.Product), (merge.Rank, at));
        }

        for (int i = 0; i + 1 < word.Length; i++)
            Offer(i);

        // All places of the lowest-ranked pair are merged from left to right before any pair which those merges make: so does the
        // original, and it matters where a symbol can be made in two ways.
        List<int> merged = [];
        while (candidates.TryDequeue(out (int Left, int Right, int Product) pair, out (int Rank, int Position) first))
        {
            merged.Clear();
            (int rank, int at) = first;
            while (true)
            {
                if (symbols[at] == pair.Left && next[at] < symbols.Length && symbols[next[at]] == pair.Right)
                {
                    int right = next[at];
                    symbols[at] = pair.Product;
                    symbols[right] = -1;
                    next[at] = next[right];
                    if (next[at] < symbols.Length)
                        previous[next[at]] = at;
                    merged.Add(at);
                }

                if (!candidates.TryPeek(out _, out (int Rank, int Position) other) || other.Rank != rank)
                    break;
                candidates.Dequeue();
                at = other.Position;
            }

            foreach (int position in merged)
            {
                // A neighbour may have been merged in the same sweep and offers its own pair then.
                Offer(position);
                Offer(previous[position]);
            }
        }

        List<int> result = [];
        for (int i = 0; i < symbols.Length; i = next[i])
            result.Add(symbols[i]);
        return result;
    }

    private void AddLine(int line, ReadOnlySpan<byte> text, Dictionary<string, int> numbers)
    {
        if (text.Length > MaxLineBytes)
            throw Malformed(line, $"has {text.Length:N0} bytes, at most {MaxLineBytes:N0} are possible");
        string content = Encoding.UTF8.GetString(text);
        if (line == 1)
        {
            if (!content.StartsWith("#version", StringComparison.Ordinal))
                throw Malformed(line, $"is '{content}', expected '#version: …'");
            return;
        }

        string[] parts = content.Split(' ');
        if (parts is not [{ Length: > 0 } left, { Length: > 0 } right])
            throw Malformed(line, $"is '{content}', expected two symbols with a space between them");
        foreach (string part in parts)
        {
            if (!numbers.ContainsKey(part))
                throw Malformed(line, $"joins '{part}', which is neither a byte nor made by a line above");
        }

        if (!_merges.TryAdd((numbers[left], numbers[right]), (line, Add(left + right, numbers))))
            throw Malformed(line, $"joins '{left}' and '{right}' again, first joined in line {_merges[(numbers[left], numbers[right])].Rank}");
    }

    private int Add(string symbol, Dictionary<string, int> numbers)
    {
        // Two merges may make the same symbol; it stays one symbol.
        if (numbers.TryGetValue(symbol, out int known))
            return known;
        numbers.Add(symbol, _symbols.Count);
        _symbols.Add(symbol);
        return numbers[symbol];
    }

    private static AudioTokenException Malformed(int line, string what) =>
        new(4302, $"merges.txt, line {line} {what}.", "Take merges.txt from the model's own tokenizer folder again.");
}
