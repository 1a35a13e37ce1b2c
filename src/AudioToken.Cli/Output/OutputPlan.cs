using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Cli.Output;

/// <summary>Names of the files that a run will write, settled before it begins.</summary>
/// <remarks>
/// <para>Several files get a number: <c>rain-1.png</c>, <c>rain-2.png</c>, with leading zeros where there are ten or more.</para>
/// <para>A name that was chosen here (from the sound's) never meets an old file: a free one is taken, <c>rain-001.png</c>, <c>rain-002.png</c>.
/// A name that the user gave and that is taken is refused. <c>--force</c> replaces old files in both cases.</para>
/// </remarks>
internal sealed class OutputPlan
{
    private const int MaxNumber = 9999;

    private readonly bool _force;
    private readonly Func<int, string[]> _numbered;
    private readonly string[] _paths;

    private OutputPlan(string[] paths, Func<int, string[]> numbered, bool force) => (_paths, _numbered, _force) = (paths, numbered, force);

    /// <summary>The names, in order.</summary>
    public IReadOnlyList<string> Paths => _paths;

    /// <summary>Settles the names and checks that they can be written.</summary>
    /// <param name="given">What the user asked for: a file or a folder; null for neither.</param>
    /// <param name="stem">Name without extension, where the user gives none.</param>
    /// <param name="extension">With its dot.</param>
    /// <param name="count">Number of files.</param>
    /// <param name="force">Old files are replaced.</param>
    /// <exception cref="AudioTokenException">A file exists (8501), or a name cannot be a file's or its folder cannot be written (2501, 8502).</exception>
    public static OutputPlan Make(string? given, string stem, string extension, int count, bool force)
    {
        bool folder = given is not null && (Path.EndsInDirectorySeparator(given) || Directory.Exists(given));
        bool ours = given is null || folder;
        string first = given is null ? stem + extension : folder ? Path.Combine(given, stem + extension) : given;
        string[] Numbered(int number) => Names(first, number, count);

        string[] paths = Numbered(0);
        if (!force && ours)
            paths = Free(Numbered, from: 0) ?? paths;
        WritableFolder.Check(paths[0]);
        if (!force && Array.Find(paths, Path.Exists) is { } taken)
            throw new AudioTokenException(ErrorCode.OutputExists, $"'{taken}' exists already and is not replaced", "another name with -o, or --force to replace it");
        if (Array.Find(paths, Directory.Exists) is { } occupied)
            throw new AudioTokenException(ErrorCode.OutputPlace, $"'{occupied}' is a folder, wanted a file", "another name with -o");
        return new OutputPlan(paths, Numbered, force);
    }

    /// <summary>The name for one file, now that it is about to be written: another one if the settled name was taken meanwhile, so that nothing is lost.</summary>
    public string Claim(int index) =>
        _force || !Path.Exists(_paths[index]) ? _paths[index] : Free(number => [_numbered(number)[index]], from: 1)?[0] ?? _paths[index];

    /// <summary>Writes a picture under the name for it, or under the next that is free if somebody else takes that meanwhile.</summary>
    /// <exception cref="AudioTokenException">It cannot be written, or no name is free (8501).</exception>
    public void Write(WrittenPicture picture, int index)
    {
        if (_force)
        {
            picture.Save(_paths[index]);
            return;
        }

        for (string? taken = null; ;)
        {
            string path = Claim(index);
            if (path == taken)
                throw new AudioTokenException(ErrorCode.OutputExists, $"'{path}' exists already and is not replaced, and so do all names with a number", "another name with -o");
            if (picture.TryCreate(path))
                return;
            taken = path;
        }
    }

    private static string[]? Free(Func<int, string[]> names, int from) =>
        Enumerable.Range(from, MaxNumber).Select(names).FirstOrDefault(paths => !paths.Any(Path.Exists));

    // rain.png; rain-001.png; rain-1.png and rain-2.png; rain-001-1.png and rain-001-2.png.
    private static string[] Names(string first, int number, int count)
    {
        string extension = Path.GetExtension(first);
        string stem = first[..^extension.Length];
        if (number > 0)
            stem = string.Create(CultureInfo.InvariantCulture, $"{stem}-{number:000}");
        if (count == 1)
            return [stem + extension];
        string digits = new('0', count.ToString(CultureInfo.InvariantCulture).Length);
        return [.. Enumerable.Range(1, count).Select(i => $"{stem}-{i.ToString(digits, CultureInfo.InvariantCulture)}{extension}")];
    }
}
