using System.Globalization;

namespace AudioToken.Models.Clip;

/// <summary>Canonical composition (NFC) without the system's ICU, which the runtime's own <c>Normalize</c> would need.</summary>
/// <remarks>Unicode Standard Annex 15. The data is in UnicodeData.txt, read once at the first text that is not plain.</remarks>
internal static class UnicodeTables
{
    // Hangul syllables compose by arithmetic: Unicode Standard, section 3.12.
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, HangulCount = LeadCount * VowelCount * TrailCount;

    private static readonly Lazy<Data> s_data = new(Read);

    /// <summary>The compatibility form of a halfwidth or fullwidth character, or null.</summary>
    public static string? WidthForm(char c) => c switch
    {
        '\u3000' => " ",
        >= '\uFF01' and <= '\uFF5E' => ((char)(c - 0xFEE0)).ToString(),
        >= '\uFF5F' and < '\uFFF0' => s_data.Value.Widths.GetValueOrDefault(c),
        _ => null,
    };

    /// <summary>Decomposes, orders and composes a well-formed text; a million marks in a row take no more than sorting them.</summary>
    public static string Compose(string text)
    {
        // Nothing below U+0300 combines or decomposes to something else in NFC.
        if (!text.AsSpan().ContainsAnyInRange('\u0300', '\uFFFF'))
            return text;

        Data data = s_data.Value;
        List<int> points = [];
        foreach (System.Text.Rune rune in text.EnumerateRunes())
            Decompose(data, rune.Value, points);
        Order(data, points);
        return Recompose(data, points);
    }

    private static void Decompose(Data data, int point, List<int> into)
    {
        int hangul = point - HangulBase;
        if ((uint)hangul < HangulCount)
        {
            into.Add(LeadBase + hangul / (VowelCount * TrailCount));
            into.Add(VowelBase + hangul / TrailCount % VowelCount);
            if (hangul % TrailCount is > 0 and int trail)
                into.Add(TrailBase + trail);
        }
        else if (data.Decompositions.TryGetValue(point, out int[]? parts))
        {
            foreach (int part in parts)
                Decompose(data, part, into);
        }
        else
        {
            into.Add(point);
        }
    }

    // Marks between two starters go by class; equal classes keep their order.
    private static void Order(Data data, List<int> points)
    {
        for (int start = 0; start < points.Count; start++)
        {
            int end = start;
            while (end < points.Count && data.Classes.ContainsKey(points[end]))
                end++;
            if (end - start > 1)
            {
                int[] sorted = [.. points[start..end].OrderBy(point => data.Classes[point])];
                for (int i = 0; i < sorted.Length; i++)
                    points[start + i] = sorted[i];
            }

            start = end;
        }
    }

    private static string Recompose(Data data, List<int> points)
    {
        List<int> composed = [];
        int starter = -1, lastClass = 0;
        foreach (int point in points)
        {
            int @class = data.Classes.GetValueOrDefault(point);
            // A mark is blocked from its starter by one of the same or a higher class between them.
            bool reaches = starter >= 0 && (starter == composed.Count - 1 || (lastClass < @class && lastClass != 0));
            if (reaches && TryCompose(data, composed[starter], point) is int whole)
            {
                composed[starter] = whole;
                continue;
            }

            if (@class == 0)
                starter = composed.Count;
            lastClass = @class;
            composed.Add(point);
        }

        System.Text.StringBuilder text = new(composed.Count);
        foreach (int point in composed)
            text.Append(new System.Text.Rune(point).ToString());
        return text.ToString();
    }

    private static int? TryCompose(Data data, int first, int second)
    {
        if ((uint)(first - LeadBase) < LeadCount && (uint)(second - VowelBase) < VowelCount)
            return HangulBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TrailCount;
        int hangul = first - HangulBase;
        if ((uint)hangul < HangulCount && hangul % TrailCount == 0 && second > TrailBase && second < TrailBase + TrailCount)
            return first + second - TrailBase;
        return data.Compositions.TryGetValue((first, second), out int whole) ? whole : null;
    }

    private static Data Read()
    {
        Data data = new([], [], [], []);
        HashSet<int> excluded = [];
        using Stream stream = typeof(UnicodeTables).Assembly.GetManifestResourceStream("UnicodeData.txt")!;
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is string line)
        {
            string[] fields = line.Split(' ');
            switch (fields[0])
            {
                case "d":
                    data.Decompositions[Hex(fields[1])] = [.. fields.Skip(2).Select(Hex)];
                    break;
                case "x":
                    excluded.Add(Hex(fields[1]));
                    break;
                case "w":
                    data.Widths[(char)Hex(fields[1])] = string.Concat(fields.Skip(2).Select(field => (char)Hex(field)));
                    break;
                case "c":
                    foreach (string range in fields.Skip(2))
                    {
                        string[] ends = range.Split('-');
                        for (int point = Hex(ends[0]); point <= Hex(ends[^1]); point++)
                            data.Classes[point] = int.Parse(fields[1], CultureInfo.InvariantCulture);
                    }

                    break;
            }
        }

        foreach ((int whole, int[] parts) in data.Decompositions)
        {
            if (parts.Length == 2 && !excluded.Contains(whole))
                data.Compositions[(parts[0], parts[1])] = whole;
        }

        return data;
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private sealed record Data(
        Dictionary<int, int[]> Decompositions, Dictionary<(int First, int Second), int> Compositions, Dictionary<int, int> Classes, Dictionary<char, string> Widths);
}
