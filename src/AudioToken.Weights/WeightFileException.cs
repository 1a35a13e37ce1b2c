using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A checkpoint file is not what it claims to be; the message names the file, what was found and what was wanted.</summary>
public sealed class WeightFileException : AudioTokenException
{
    /// <summary>Makes an exception about one file.</summary>
    public WeightFileException(int code, string file, string message, string? hint = null, Exception? inner = null)
        : base(code, $"{file}: {message}", hint, inner) => File = file;

    /// <summary>What the file is called in messages: its base name, or its place in a model folder.</summary>
    public string File { get; }

    /// <summary>A name from a file, fit to be printed: in quotes, without control characters, not endless.</summary>
    internal static string Quote(string name)
    {
        const int shown = 120;
        string text = name.Length > shown ? string.Concat(name.AsSpan(0, shown), "…") : name;
        return $"'{string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c))}'";
    }
}
