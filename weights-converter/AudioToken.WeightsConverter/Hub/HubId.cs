using System.Text.RegularExpressions;
using AudioToken.Tensors;

namespace AudioToken.WeightsConverter.Hub;

/// <summary>A repository of the HuggingFace hub and a revision of it: <c>org/name</c> or <c>org/name@revision</c>.</summary>
/// <param name="Organisation">Who owns it.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Revision">Branch, tag, commit, or a reference such as <c>refs/pr/1</c>.</param>
public sealed partial record HubId(string Organisation, string Name, string Revision)
{
    private static readonly string[] s_files = [.. new AnyFormat().Endings];

    /// <summary>The revision that is meant where none is named.</summary>
    public const string DefaultRevision = "main";

    /// <summary>The repository without its revision.</summary>
    public string Repository => $"{Organisation}/{Name}";

    /// <summary>True if a text has the form of a repository; a path that exists is meant as a path.</summary>
    public static bool IsOne(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Form().IsMatch(text) && !text.Contains("..", StringComparison.Ordinal);
    }

    /// <summary>The repository that a model's name means; null if it is a path. A path that exists is meant as one, and so is the name of a file with weights,
    /// whose absence is then what there is to say.</summary>
    public static HubId? Named(string model) =>
        !Path.Exists(model) && !s_files.Contains(Path.GetExtension(model)) && IsOne(model) ? Parse(model) : null;

    /// <summary>Reads a repository and its revision.</summary>
    /// <exception cref="AudioTokenException">It has another form (2601).</exception>
    public static HubId Parse(string text)
    {
        if (!IsOne(text))
            throw new AudioTokenException(ErrorCode.Id, $"'{text}' is no repository of the hub, wanted org/name or org/name@revision", "CompVis/stable-diffusion-v1-4, for example");
        Match match = Form().Match(text);
        string revision = match.Groups["revision"].Value;
        return new HubId(match.Groups["org"].Value, match.Groups["name"].Value, revision.Length == 0 ? DefaultRevision : revision);
    }

    /// <inheritdoc/>
    public override string ToString() => Revision == DefaultRevision ? Repository : $"{Repository}@{Revision}";

    [GeneratedRegex(@"\A(?<org>[A-Za-z0-9][\w.-]{0,95})/(?<name>[A-Za-z0-9][\w.-]{0,95})(?:@(?<revision>[\w][\w./-]{0,200}))?\z", RegexOptions.ECMAScript)]
    private static partial Regex Form();
}
