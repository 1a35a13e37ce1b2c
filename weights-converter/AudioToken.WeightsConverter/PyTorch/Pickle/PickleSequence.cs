namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>A list, tuple or set.</summary>
internal sealed class PickleSequence(bool isTuple) : PickleContainer
{
    private List<object?>? _items;

    public bool IsTuple { get; } = isTuple;

    public IReadOnlyList<object?> Items => _items ?? (IReadOnlyList<object?>)[];

    public void Add(object? item) => (_items ??= []).Add(item);
}
