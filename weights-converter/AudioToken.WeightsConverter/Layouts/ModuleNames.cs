namespace AudioToken.WeightsConverter.Layouts;

/// <summary>Translates tensor names module by module, by whole segments: no piece of a name is ever replaced inside another.</summary>
internal sealed class ModuleNames
{
    private readonly Dictionary<string, (string Module, IReadOnlyDictionary<string, string>? Inner)> _modules = new(StringComparer.Ordinal);

    /// <summary>Adds a module.</summary>
    /// <param name="from">Its path in the foreign layout.</param>
    /// <param name="to">Its path in ours.</param>
    /// <param name="inner">Paths inside it, foreign to ours; null where they are the same.</param>
    public void Add(string from, string to, IReadOnlyDictionary<string, string>? inner = null) => _modules.Add(from, (to, inner));

    /// <summary>The name in our layout, or null if no module holds it.</summary>
    public string? Map(string name)
    {
        if (Longest(name, _modules) is not var (found, rest))
            return null;
        (string module, IReadOnlyDictionary<string, string>? inner) = found;
        if (inner is null)
            return module + rest;
        return rest.Length > 1 && Longest(rest[1..], inner) is var (insider, tail) ? $"{module}.{insider}{tail}" : null;
    }

    // The value of the longest path of whole segments that a name begins with, and what follows it, with its dot.
    private static (T Value, string Tail)? Longest<T>(string name, IReadOnlyDictionary<string, T> paths)
    {
        for (int end = name.Length; end > 0; end = name.LastIndexOf('.', end - 1))
        {
            if (paths.TryGetValue(name[..end], out T? value))
                return (value, name[end..]);
        }

        return null;
    }
}
