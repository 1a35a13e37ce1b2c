using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>Options whose value is held against its range while it is read; the error names the nearest valid one.</summary>
internal static class Checked
{
    /// <summary>A number of a range; null where it is not given.</summary>
    public static Option<T?> Number<T>(string name, string[] aliases, string description, T min, T max, string valueName = "N")
        where T : struct, INumber<T> => new(name, aliases)
    {
        Description = description,
        HelpName = valueName,
        CustomParser = result => Parse(name, Text(result), min, max),
    };

    /// <summary>One of some words; null where it is not given.</summary>
    public static Option<string?> Word(string name, string[] aliases, string description, params string[] words) => new(name, aliases)
    {
        Description = description,
        HelpName = string.Join('|', words),
        CustomParser = result =>
        {
            string text = Text(result);
            return words.Contains(text)
                ? text
                : throw new AudioTokenException(ErrorCode.Usage, $"{name} is '{text}', wanted one of {string.Join(", ", words)}", $"{name} {words[0]}");
        },
    };

    /// <summary>Holds a text against a range.</summary>
    public static T Parse<T>(string name, string text, T min, T max)
        where T : struct, INumber<T>
    {
        bool whole = T.One / (T.One + T.One) == T.Zero; // integer types divide so
        if (T.TryParse(text, whole ? NumberStyles.AllowLeadingSign : NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && value >= min && value <= max)
            return value;
        string? hint = Nearest(text, min, max) is { } nearest ? string.Create(CultureInfo.InvariantCulture, $"{name} {nearest}, the nearest valid value") : null;
        throw new AudioTokenException(
            ErrorCode.Range, string.Create(CultureInfo.InvariantCulture, $"{name} is '{text}', wanted a {(whole ? "whole " : "")}number from {min} to {max}"), hint);
    }

    // Numbers beyond the type have a nearest value too; NaN and words have none.
    private static T? Nearest<T>(string text, T min, T max)
        where T : struct, INumber<T>
    {
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) || double.IsNaN(number))
            return null;
        T rounded = T.CreateSaturating(Math.Round(number));
        return rounded < min ? min : rounded > max ? max : rounded;
    }

    private static string Text(ArgumentResult result) => result.Tokens[^1].Value;
}
