using System.CommandLine;
using AudioToken.Cli.Output;
using AudioToken.Tensors;

namespace AudioToken.Cli.Options;

/// <summary>Where the result goes.</summary>
internal sealed class OutputOptions(string what, string extension, string defaultName)
{
    private static readonly string[] s_otherPictures = [".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"];

    private readonly Option<string?> _output = new("--output", "-o")
    {
        Description = $"{what}; default: {defaultName} in the current folder, or {defaultName.Replace(extension, "-001" + extension, StringComparison.Ordinal)} … where that exists. "
            + "A folder takes the default name. A given file that exists is refused",
        HelpName = "FILE",
    };

    private readonly Option<bool> _force = new("--force") { Description = "replace files that exist" };

    public void AddTo(Command command)
    {
        command.Options.Add(_output);
        command.Options.Add(_force);
    }

    /// <summary>True if the result goes to standard output.</summary>
    public bool ToStandardOutput(ParseResult parsed) => parsed.GetValue(_output) == "-";

    /// <summary>Settles the names.</summary>
    /// <exception cref="AudioTokenException">A file exists, its folder cannot be written, or its name promises another format.</exception>
    public OutputPlan Plan(ParseResult parsed, string stem, int count = 1)
    {
        string? given = parsed.GetValue(_output);
        if (given is "")
            throw new AudioTokenException(ErrorCode.Usage, "the output's name is empty", $"-o {defaultName}");
        if (given is not null && extension == ".png" && s_otherPictures.Contains(Path.GetExtension(given).ToLowerInvariant()))
            throw new AudioTokenException(ErrorCode.Usage, $"'{given}' promises another format; pictures are written as PNG", $"-o {Path.ChangeExtension(given, extension)}");
        return OutputPlan.Make(given, stem, extension, count, parsed.GetValue(_force));
    }

    /// <summary>Settles the name of a file beside the result, such as a trace: it is written where it is asked for, or refused.</summary>
    public OutputPlan PlanBeside(ParseResult parsed, string path) => OutputPlan.Make(path, "trace", ".safetensors", 1, parsed.GetValue(_force));
}
