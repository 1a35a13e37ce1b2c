namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>A dictionary, in the order of its entries. Keys are what can stand still: strings, numbers, truth values, globals.</summary>
internal sealed class PickleMapping : PickleContainer
{
    private List<KeyValuePair<object, object?>>? _entries;
    private HashSet<object>? _keys;

    public IReadOnlyList<KeyValuePair<object, object?>> Entries => _entries ?? (IReadOnlyList<KeyValuePair<object, object?>>)[];

    /// <summary>False if the key is there already.</summary>
    public bool TryAdd(object key, object? value)
    {
        if (!(_keys ??= []).Add(key))
            return false;
        (_entries ??= []).Add(new KeyValuePair<object, object?>(key, value));
        return true;
    }

    /// <summary>The value under a string, or null.</summary>
    public object? Find(string key) => _keys?.Contains(key) == true ? _entries!.Find(entry => entry.Key is string name && name == key).Value : null;
}
