using AudioToken.Tensors;

namespace AudioToken.Training.Data;

/// <summary>Which samples are trained on and what they are called, as VGGSound's table says.</summary>
/// <remarks>A sample belongs to the row whose id is its name or the first eleven characters of it (names are ID_START_END). Of several rows the first names it.</remarks>
public sealed class SampleLabels
{
    private const int VideoIdLength = 11;

    private readonly Dictionary<string, string> _labels;

    private SampleLabels(Dictionary<string, string> labels) => _labels = labels;

    /// <summary>Reads a table.</summary>
    /// <param name="path">CSV with a first line that names columns, <c>ytid</c>, <c>set</c> and <c>class</c> among them; or without one, as VGGSound is published:
    /// id, second, class, set. Fields may be quoted.</param>
    /// <param name="set">The set whose rows count, e.g. <c>train</c>.</param>
    /// <exception cref="AudioTokenException">3701: the file cannot be read, a line has too few fields, or no row is of the set.</exception>
    public static SampleLabels Read(string path, string set)
    {
        Dictionary<string, string> labels = new(StringComparer.Ordinal);
        (int id, int type, int group) = (0, 2, 3);
        int number = 0;
        foreach (string line in Lines(path))
        {
            number++;
            List<string> fields = Fields(line);
            if (number == 1 && fields.Contains("ytid"))
            {
                (id, type, group) = (fields.IndexOf("ytid"), fields.IndexOf("class"), fields.IndexOf("set"));
                if (type < 0 || group < 0)
                    throw Malformed(path, number, $"names the columns {string.Join(", ", fields)}", "ytid, set and class among them");
                continue;
            }

            if (string.IsNullOrWhiteSpace(line))
                continue;
            if (fields.Count <= Math.Max(id, Math.Max(type, group)))
                throw Malformed(path, number, $"has {fields.Count} fields", $"{Math.Max(id, Math.Max(type, group)) + 1}");
            if (fields[group] == set)
                labels.TryAdd(fields[id], fields[type]);
        }

        return labels.Count > 0 ? new SampleLabels(labels) : throw new AudioTokenException(
            TrainingErrors.Data, $"'{path}' has {number} lines and none of the set '{set}'", "name the set with --set, as the table spells it");
    }

    /// <summary>Reads a list of ids, one a line: samples that are not to be trained on.</summary>
    /// <exception cref="AudioTokenException">3701: the file cannot be read.</exception>
    public static IReadOnlySet<string> ReadIds(string path) => Lines(path).Select(line => line.Trim()).Where(line => line.Length > 0).ToHashSet(StringComparer.Ordinal);

    /// <summary>The samples of the table's set, labelled.</summary>
    public IEnumerable<TrainingSample> Label(IEnumerable<TrainingSample> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        foreach (TrainingSample sample in samples)
        {
            if (Ids(sample).Select(id => _labels.GetValueOrDefault(id)).FirstOrDefault(label => label is not null) is { } label)
                yield return sample with { Label = label };
        }
    }

    /// <summary>The names under which lists may know a sample: its sound's, and the video's within that.</summary>
    public static IEnumerable<string> Ids(TrainingSample sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        string name = Path.GetFileNameWithoutExtension(sample.Audio);
        return name.Length > VideoIdLength ? [name, name[..VideoIdLength]] : [name];
    }

    private static IEnumerable<string> Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AudioTokenException(TrainingErrors.Data, $"'{path}' cannot be read: {exception.Message}", inner: exception);
        }
    }

    private static List<string> Fields(string line)
    {
        List<string> fields = [];
        for (int at = 0; at <= line.Length;)
        {
            int end;
            if (at < line.Length && line[at] == '"')
            {
                // A quote within quotes is doubled; a field that is never closed ends with the line.
                end = at + 1;
                while (end < line.Length && (line[end] != '"' || (end + 1 < line.Length && line[end + 1] == '"')))
                    end += line[end] == '"' ? 2 : 1;
                fields.Add(line[(at + 1)..Math.Min(end, line.Length)].Replace("\"\"", "\"", StringComparison.Ordinal));
                end = line.IndexOf(',', Math.Min(end, line.Length));
            }
            else
            {
                end = line.IndexOf(',', at);
                fields.Add(line[at..(end < 0 ? line.Length : end)].Trim());
            }

            at = end < 0 ? line.Length + 1 : end + 1;
        }

        return fields;
    }

    private static AudioTokenException Malformed(string path, int line, string found, string wanted) =>
        new(TrainingErrors.Data, $"{path}, line {line} {found}, wanted {wanted}", "id,second,class,set on each line, or a first line that names the columns ytid, set and class");
}
