using System.Numerics;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>Puts values into containers, within the limits on depth and keys.</summary>
internal sealed class ContainerFilling(PickleStack stack, PickleErrors errors)
{
    private const int EntryNodes = 3; // what an entry of a dictionary takes beside its key and value

    /// <summary>Adds an item to a sequence.</summary>
    public void Add(PickleSequence sequence, object? item)
    {
        sequence.Add(item);
        Nest(sequence, item);
    }

    /// <summary>Adds an entry to a dictionary.</summary>
    public void Set(PickleMapping mapping, object? key, object? value)
    {
        stack.Spend(EntryNodes);
        if (key is not (string or long or bool or double or BigInteger or PickleGlobal))
            throw errors.Bad("a key of a dictionary is neither text, number nor class");
        if (key is string { Length: > PickleLimits.KeyLength })
            throw errors.Limit($"a key longer than {PickleLimits.KeyLength:N0} characters");
        if (!mapping.TryAdd(key, value))
            throw errors.Bad($"a dictionary has the key {WeightFileException.Quote(key.ToString()!)} twice");
        Nest(mapping, value);
    }

    private void Nest(PickleContainer container, object? value)
    {
        if (value is not PickleContainer inner || inner.Depth < container.Depth)
            return;
        container.Depth = inner.Depth + 1;
        if (container.Depth > PickleLimits.Depth)
            throw errors.Limit($"containers nested more than {PickleLimits.Depth} deep");
    }
}
