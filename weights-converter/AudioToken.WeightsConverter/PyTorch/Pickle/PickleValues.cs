namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>A value that holds others.</summary>
internal abstract class PickleContainer
{
    /// <summary>Levels of containers below this one.</summary>
    public int Depth { get; set; }
}

/// <summary>A list, tuple or set.</summary>
internal sealed class PickleSequence(bool isTuple) : PickleContainer
{
    private List<object?>? _items;

    public bool IsTuple { get; } = isTuple;

    public IReadOnlyList<object?> Items => _items ?? (IReadOnlyList<object?>)[];

    public void Add(object? item) => (_items ??= []).Add(item);
}

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

/// <summary>A class or function by name. It is a name and stays one.</summary>
internal sealed record PickleGlobal(string Module, string Name, GlobalRole Role)
{
    public override string ToString() => $"{Module} {Name}";
}

/// <summary>Where the writer's program had an object of a class that is not needed here; nothing of it is kept but the class's name.</summary>
internal sealed class InertObject(PickleGlobal type)
{
    public PickleGlobal Type { get; } = type;
}

/// <summary>A storage: a row of elements that tensors are views of.</summary>
/// <param name="Key">Its key in the file.</param>
/// <param name="Type">Its element type; bytes for an untyped one.</param>
/// <param name="Count">Its elements.</param>
/// <param name="Start">First element of the view that the legacy form can take of it.</param>
/// <param name="Length">Elements of that view; all of <paramref name="Count"/> otherwise.</param>
internal sealed record StorageReference(string Key, ElementType Type, long Count, long Start, long Length);

/// <summary>A tensor: a strided view of a storage, in elements of its own type.</summary>
internal sealed record TensorReference(StorageReference Storage, ElementType Type, long Offset, long[] Extents, long[] Strides);
