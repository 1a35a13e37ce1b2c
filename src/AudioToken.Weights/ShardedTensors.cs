using System.Text.Json;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>A checkpoint in several files, with an index (<c>*.safetensors.index.json</c>, <c>*.bin.index.json</c>) that says which tensor lies in which.</summary>
/// <remarks>Strict: every tensor of the index is in the shard it names, no shard holds another, and shards are plain names of files beside
/// the index, so that an index cannot reach out of its folder.</remarks>
public sealed class ShardedTensors : TensorCollection
{
    private const int ShownFaults = 12;

    private readonly Dictionary<string, TensorCollection> _shards = [];
    private readonly Dictionary<string, TensorCollection> _owners = [];

    private ShardedTensors(string description) => Description = description;

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override IEnumerable<string> Names => _owners.Keys;

    /// <summary>The files, in order of their names.</summary>
    public IEnumerable<TensorCollection> Shards => _shards.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value);

    /// <summary>Opens an index and all its shards.</summary>
    /// <param name="indexPath">The index.</param>
    /// <param name="description">What to call it in messages; its base name if null.</param>
    /// <param name="open">Opens a shard; as a safetensors file if null.</param>
    /// <exception cref="WeightFileException">Index and shards disagree; all disagreements are listed.</exception>
    /// <exception cref="AudioTokenException">A file cannot be read.</exception>
    public static ShardedTensors Open(string indexPath, string? description = null, Func<string, TensorCollection>? open = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(indexPath);
        ShardedTensors sharded = new(description ?? Path.GetFileName(indexPath));
        try
        {
            sharded.Load(indexPath, open ?? (path => SafetensorsFile.Open(path)));
            return sharded;
        }
        catch
        {
            sharded.Dispose();
            throw;
        }
    }

    /// <summary>The shard files an index names, without opening them.</summary>
    /// <exception cref="WeightFileException">The index is malformed, or a name leaves the folder.</exception>
    public static IReadOnlyList<string> ShardPaths(string indexPath, string? description = null)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(indexPath))!;
        Dictionary<string, string> map = ReadMap(indexPath, description ?? Path.GetFileName(indexPath));
        return [.. map.Values.Distinct().Order(StringComparer.Ordinal).Select(shard => Path.Combine(folder, shard))];
    }

    /// <inheritdoc/>
    public override WeightSource? Find(string name) => _owners.GetValueOrDefault(name)?.Find(name);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (TensorCollection shard in _shards.Values)
            shard.Dispose();
        base.Dispose(disposing);
    }

    private static Dictionary<string, string> ReadMap(string indexPath, string description)
    {
        using JsonDocument index = SmallFile.ParseJson(SmallFile.Read(indexPath, description), description);
        if (!index.RootElement.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
            throw new WeightFileException(ErrorCode.Shards, description, "the index has no object 'weight_map'.", "Not the index of a sharded checkpoint?");
        Dictionary<string, string> shardOf = [];
        foreach (JsonProperty pair in map.EnumerateObject())
        {
            string? shard = pair.Value.ValueKind == JsonValueKind.String ? pair.Value.GetString() : null;
            if (shard is null || !IsPlainName(shard))
            {
                throw new WeightFileException(ErrorCode.Shards, description,
                    $"the shard of {WeightFileException.Quote(pair.Name)} is {WeightFileException.Quote(shard ?? pair.Value.ToString())}; it must be the plain name of a file beside the index.",
                    "Do not use this checkpoint: its index points out of its folder.");
            }

            shardOf.Add(pair.Name, shard);
        }

        return shardOf;
    }

    // Both separators on every system: a checkpoint made to break out of a Windows folder is refused on Linux too.
    private static bool IsPlainName(string name) =>
        name.Length > 0 && name is not ("." or "..") && !name.AsSpan().ContainsAny(['/', '\\', ':', '\0']) && Path.GetFileName(name) == name;

    private void Load(string indexPath, Func<string, TensorCollection> open)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(indexPath))!;
        Dictionary<string, string> shardOf = ReadMap(indexPath, Description);
        List<string> faults = [];
        foreach (IGrouping<string, string> group in shardOf.GroupBy(pair => pair.Value, pair => pair.Key).OrderBy(byShard => byShard.Key, StringComparer.Ordinal))
        {
            string path = Path.Combine(folder, group.Key);
            if (File.Exists(path))
                _shards.Add(group.Key, open(path));
            else
                faults.Add($"shard '{group.Key}' is missing, with {group.Count()} tensors");
        }

        Dictionary<string, string> foundIn = [];
        foreach ((string shard, TensorCollection file) in _shards)
        {
            foreach (string name in file.Names)
            {
                if (!foundIn.TryAdd(name, shard))
                    faults.Add($"{WeightFileException.Quote(name)} stands in both '{foundIn[name]}' and '{shard}'");
                else if (!shardOf.TryGetValue(name, out string? named))
                    faults.Add($"{WeightFileException.Quote(name)} lies in '{shard}' and is not in the index");
                else if (named == shard)
                    _owners.Add(name, file);
                else
                    faults.Add($"{WeightFileException.Quote(name)} lies in '{shard}', the index says '{named}'");
            }
        }

        faults.AddRange(shardOf.Where(pair => _shards.ContainsKey(pair.Value) && !foundIn.ContainsKey(pair.Key))
            .Select(pair => $"{WeightFileException.Quote(pair.Key)} is not in '{pair.Value}', where the index says it is"));
        if (faults.Count > 0)
            throw Report(faults);
    }

    private WeightFileException Report(List<string> faults)
    {
        string lines = string.Join("", faults.Take(ShownFaults).Select(fault => $"\n  {fault}"));
        string more = faults.Count > ShownFaults ? $"\n  … and {faults.Count - ShownFaults} more" : "";
        return new WeightFileException(ErrorCode.Shards, Description, $"index and shards disagree:{lines}{more}", "Download the missing or differing files again.");
    }
}
