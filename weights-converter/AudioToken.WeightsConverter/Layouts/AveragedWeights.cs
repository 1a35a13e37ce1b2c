using AudioToken.Weights;

namespace AudioToken.WeightsConverter.Layouts;

/// <summary>A single-file checkpoint with the running averages of training (EMA) in the place of its last weights.</summary>
/// <remarks>The copies lie under <c>model_ema.</c> and the weight's name after <c>model.</c>, its dots left out.</remarks>
internal static class AveragedWeights
{
    private const string Trained = "model.";
    private const string Averages = "model_ema.";

    /// <summary>Shows the checkpoint; owns the file.</summary>
    /// <exception cref="WeightFileException">The file has no averages (4711).</exception>
    public static TensorCollection Of(TensorCollection file)
    {
        HashSet<string> names = [.. file.Names];
        Dictionary<string, string> shown = [];
        foreach (string name in names.Where(name => name.StartsWith(LdmUnet.Prefix, StringComparison.Ordinal)))
        {
            string average = Averages + name[Trained.Length..].Replace(".", "", StringComparison.Ordinal);
            if (names.Contains(average))
                shown[average] = name;
        }

        if (shown.Count == 0)
            throw new WeightFileException(ErrorCode.Component, file.Description, $"the file has no averaged weights: no tensor's name begins with '{Averages}'.", "Convert it without --ema.");
        HashSet<string> replaced = [.. shown.Values];
        return new RenamedTensors(file, file.Description, name => shown.GetValueOrDefault(name) ?? (replaced.Contains(name) ? null : name));
    }
}
