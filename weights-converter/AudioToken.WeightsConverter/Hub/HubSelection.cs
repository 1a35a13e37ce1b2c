namespace AudioToken.WeightsConverter.Hub;

/// <summary>Which files of a repository are wanted: those that the conversion of a text-to-image model reads, each in one format.</summary>
internal static class HubSelection
{
    private static readonly string[] s_unused = ["safety_checker/", "feature_extractor/", "image_encoder/"];
    private static readonly string[] s_weights = [".safetensors", ".bin", ".pt", ".ckpt"];

    /// <summary>Chooses among the paths of a repository.</summary>
    /// <param name="paths">All of them.</param>
    /// <param name="variant">Variant of the weights to prefer, or null.</param>
    public static IReadOnlyList<string> Of(IReadOnlyList<string> paths, string? variant)
    {
        string[] useful = [.. paths.Where(path => !s_unused.Any(folder => path.StartsWith(folder, StringComparison.Ordinal)))];
        List<string> wanted = [.. useful.Where(IsSmall)];
        // In each folder the first of: safetensors of the variant, plain safetensors, pickles of the variant, plain pickles.
        foreach (IGrouping<string, string> folder in useful.Where(IsWeights).GroupBy(path => path[..(path.LastIndexOf('/') + 1)]))
        {
            // A folder in diffusers' layout has single files at its root only as copies of what lies in its folders.
            if (folder.Key.Length == 0 && paths.Contains("model_index.json"))
                continue;
            wanted.AddRange(BestOf([.. folder], variant));
        }

        return [.. wanted.Order(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> BestOf(string[] weights, string? variant)
    {
        foreach (string ending in s_weights)
        {
            string[] these = [.. weights.Where(path => path.EndsWith(ending, StringComparison.Ordinal))];
            string[] ofVariant = variant is null ? [] : [.. these.Where(path => VariantOf(path) == variant)];
            string[] plain = [.. these.Where(path => VariantOf(path) is null)];
            foreach (string[] choice in (string[][])[ofVariant, plain, these])
            {
                if (choice.Length > 0)
                    return choice;
            }
        }

        return [];
    }

    // model.fp16.safetensors and model.fp16-00001-of-00002.safetensors: between the last two dots, before a shard's number.
    private static string? VariantOf(string path)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        string[] parts = name.Split('.');
        return parts.Length < 3 ? null : parts[^2].Split('-')[0];
    }

    private static bool IsWeights(string path) => s_weights.Any(ending => path.EndsWith(ending, StringComparison.Ordinal));

    private static bool IsSmall(string path) => path.EndsWith(".json", StringComparison.Ordinal) || path.EndsWith(".txt", StringComparison.Ordinal);
}
