using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace AudioToken.Pipelines.Imaging;

/// <summary>The text by which image programs exchange settings, first written by AUTOMATIC1111's web UI.</summary>
/// <remarks>The prompt; <c>Negative prompt: …</c> on a line of its own if there is one; and a last line <c>Steps: …, Sampler: …, …</c>.
/// Values that hold a comma, a colon or a line break are quoted as JSON strings. A prompt with a line that begins with "Negative prompt:"
/// cannot be told from one with a negative prompt; our own JSON keeps it exactly.</remarks>
public static partial class ParametersText
{
    private const string Negative = "Negative prompt: ";

    /// <summary>Writes the text; fields that are not set are left out.</summary>
    public static string Write(GenerationParameters parameters)
    {
        StringBuilder text = new(parameters.Prompt);
        if (parameters.NegativePrompt.Length > 0)
            text.Append('\n').Append(Negative).Append(parameters.NegativePrompt);

        List<string> fields = [];
        void Add(string name, string? value)
        {
            if (value is not null)
                fields.Add($"{name}: {value}");
        }

        Add("Steps", Number(parameters.Steps));
        Add("Sampler", Quote(parameters.Sampler));
        Add("CFG scale", Number(parameters.CfgScale));
        Add("Seed", parameters.Seed?.ToString(CultureInfo.InvariantCulture));
        Add("Size", parameters.Width is int width && parameters.Height is int height ? string.Create(CultureInfo.InvariantCulture, $"{width}x{height}") : null);
        Add("Model hash", Quote(parameters.ModelHash is { Length: > 10 } hash ? hash[..10] : parameters.ModelHash));
        Add("Model", Quote(parameters.Model));
        Add("Audio", Quote(parameters.Audio, always: true));
        Add("Audio hash", Quote(parameters.AudioHash));
        Add("Audio weight", Quote(parameters.AudioWeight));
        Add("RNG", Quote(parameters.Rng));
        Add("Version", Quote(parameters.Version));
        return fields.Count == 0 ? text.ToString() : text.Append('\n').AppendJoin(", ", fields).ToString();
    }

    /// <summary>Reads such a text, ours or another program's; what it does not say stays unset, and fields that are not ours are passed over.</summary>
    public static GenerationParameters Parse(string text)
    {
        // A line of settings is the last one and has a known field first; else the whole text is a prompt.
        int last = text.LastIndexOf('\n') + 1;
        Dictionary<string, string> fields = [];
        if (FirstField().IsMatch(text.AsSpan(last)))
        {
            foreach (Match match in Field().Matches(text[last..]))
                fields.TryAdd(match.Groups[1].Value, Unquote(match.Groups[2].Value));
            text = text[..Math.Max(0, last - 1)];
        }

        int negative = text.StartsWith(Negative, StringComparison.Ordinal) ? 0 : text.IndexOf('\n' + Negative, StringComparison.Ordinal);
        string[] size = fields.GetValueOrDefault("Size", "").Split('x');
        return new GenerationParameters
        {
            Prompt = negative < 0 ? text : text[..negative],
            NegativePrompt = negative < 0 ? "" : text[(text.IndexOf(Negative, negative, StringComparison.Ordinal) + Negative.Length)..],
            Steps = Integer(fields.GetValueOrDefault("Steps")),
            Sampler = fields.GetValueOrDefault("Sampler"),
            CfgScale = Real(fields.GetValueOrDefault("CFG scale")),
            Seed = ulong.TryParse(fields.GetValueOrDefault("Seed"), NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed) ? seed : null,
            Width = size.Length == 2 ? Integer(size[0]) : null,
            Height = size.Length == 2 ? Integer(size[1]) : null,
            ModelHash = fields.GetValueOrDefault("Model hash"),
            Model = fields.GetValueOrDefault("Model"),
            Audio = fields.GetValueOrDefault("Audio"),
            AudioHash = fields.GetValueOrDefault("Audio hash"),
            AudioWeight = fields.GetValueOrDefault("Audio weight"),
            Rng = fields.GetValueOrDefault("RNG"),
            Version = fields.GetValueOrDefault("Version"),
        };
    }

    // JSON's string syntax. Spaces at the ends, quotes and backslashes would not survive a reader either, so they are quoted too.
    private static string? Quote(string? value, bool always = false)
    {
        if (value is null || (!always && value.Length > 0 && value.Trim().Length == value.Length && !value.Any(c => c is ',' or ':' or '"' or '\\' or < ' ')))
            return value;
        StringBuilder quoted = new("\"");
        foreach (char c in value)
        {
            _ = c switch
            {
                '"' or '\\' => quoted.Append('\\').Append(c),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                < ' ' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => quoted.Append(c),
            };
        }

        return quoted.Append('"').ToString();
    }

    private static string Unquote(string value)
    {
        if (value is not ['"', .., '"'] || value.Length < 2)
            return value.Trim();
        return Escape().Replace(value[1..^1], match => match.Value[1] switch
        {
            'n' => "\n",
            'r' => "\r",
            't' => "\t",
            'b' => "\b",
            'f' => "\f",
            'u' when match.Length == 6 => ((char)int.Parse(match.ValueSpan[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString(),
            char other => other.ToString(),
        });
    }

    private static string? Number(double? value) => value?.ToString("R", CultureInfo.InvariantCulture);

    private static int? Integer(string? text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value : null;

    private static double? Real(string? text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null;

    [GeneratedRegex(@"\A(?:Steps|Sampler|CFG scale|Seed|Size|Model hash|Model|Audio|Audio hash|Audio weight|RNG|Version): ")]
    private static partial Regex FirstField();

    [GeneratedRegex("""\s*(\w[\w \-/]*):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)""", RegexOptions.NonBacktracking)]
    private static partial Regex Field();

    [GeneratedRegex(@"\\(?:u[0-9a-fA-F]{4}|.)", RegexOptions.Singleline)]
    private static partial Regex Escape();
}
