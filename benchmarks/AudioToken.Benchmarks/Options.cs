using System.Globalization;

namespace AudioToken.Benchmarks;

/// <summary>What follows a benchmark's name: options with a value each, and words.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, string> _values = [];

    /// <summary>Takes the command line apart.</summary>
    /// <param name="arguments">All that follows the name.</param>
    /// <param name="known">The options that there are, beside <c>-o FILE</c>.</param>
    /// <exception cref="FormatException">There is no such option, or it has no value.</exception>
    public Options(ReadOnlySpan<string> arguments, params ReadOnlySpan<string> known)
    {
        List<string> words = [];
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            if (!name.StartsWith('-'))
                words.Add(name);
            else if (name != "-o" && !known.Contains(name))
                throw new FormatException($"there is no option {name}");
            else if (++i == arguments.Length)
                throw new FormatException($"{name} has no value");
            else
                _values[name] = arguments[i];
        }

        Words = words;
    }

    /// <summary>What is no option.</summary>
    public IReadOnlyList<string> Words { get; }

    /// <summary>An option's value.</summary>
    public string Text(string name, string otherwise) => _values.GetValueOrDefault(name, otherwise);

    /// <summary>An option's value as a number.</summary>
    /// <exception cref="FormatException">It is none from 1 on.</exception>
    public int Number(string name, int otherwise) =>
        !_values.TryGetValue(name, out string? text) ? otherwise
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? number
        : throw new FormatException($"{name} is '{text}', wanted a whole number from 1 on");

    /// <summary>Where results go: the file of <c>-o</c>, else standard output.</summary>
    public Stream OpenOutput() => _values.TryGetValue("-o", out string? path) ? File.Create(path) : Console.OpenStandardOutput();
}
