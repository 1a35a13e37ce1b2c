using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Training.Data;

/// <summary>Samples that cannot be read: told once each, then left out; too many of them end the run.</summary>
/// <param name="count">Samples in all.</param>
/// <param name="mostShare">Share of bad ones that is borne.</param>
/// <param name="tell">Told of each bad sample.</param>
public sealed class BadSamples(int count, double mostShare, Action<string> tell)
{
    private readonly HashSet<string> _names = [];

    /// <summary>Names of the bad samples.</summary>
    public IReadOnlyCollection<string> Names => _names;

    /// <summary>Whether a sample is known to be bad.</summary>
    public bool Contains(string id) => _names.Contains(id);

    /// <summary>Notes a bad sample.</summary>
    /// <exception cref="AudioTokenException">More than the share that is borne (3701).</exception>
    public void Add(string id, string reason)
    {
        if (!_names.Add(id))
            return;
        tell($"sample '{id}' is left out: {reason}");
        if (_names.Count > mostShare * count)
            throw TooMany();
    }

    /// <summary>The refusal to go on.</summary>
    public AudioTokenException TooMany() => new(
        TrainingErrors.Data,
        string.Create(CultureInfo.InvariantCulture, $"{_names.Count} of {count} samples cannot be read, at most {mostShare:P0} are borne"),
        "mend or remove the samples named above");
}
