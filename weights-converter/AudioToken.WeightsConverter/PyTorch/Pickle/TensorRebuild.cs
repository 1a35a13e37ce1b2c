using System.Text;
using AudioToken.Weights;

namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>What a call in a pickle means: the few constructors that checkpoints use, played without calling anything.</summary>
internal sealed class TensorRebuild(PickleStack stack, ContainerFilling filling, PickleErrors errors)
{
    private const int MaxRank = 16;     // more extents than any framework writes
    private const int BytesAValue = 32; // bytes that count as one value made

    // Storage classes appear as persistent ids ("storage", class, key, location, elements[, view]).
    private readonly Dictionary<string, StorageReference> _storages = [];

    /// <summary>The storages named so far, by key.</summary>
    public IReadOnlyDictionary<string, StorageReference> Storages => _storages;

    /// <summary>The storage that a persistent id names.</summary>
    public StorageReference Storage(object? id)
    {
        if (id is not PickleSequence { Items: [string and "storage", PickleGlobal { Role: GlobalRole.StorageType } type, string key, string, long count, ..] given } || given.Count > 6)
            throw errors.Bad("a persistent id is not a storage's");
        if (key.Length > PickleLimits.NameLength)
            throw errors.Bad("the key of a storage is too long");
        if (count < 0)
            throw errors.Bad($"storage {WeightFileException.Quote(key)} has {count} elements");
        StorageReference whole = new(key, ElementType.OfStorage(type.Name)!, count, 0, count);
        if (!_storages.TryAdd(key, whole) && _storages[key] != whole)
            throw errors.Bad($"storage {WeightFileException.Quote(key)} is described in two ways");
        return given.Count == 6 && given[5] is PickleSequence view ? View(whole, view) : whole;
    }

    /// <summary>The value of a call.</summary>
    public object? Call(PickleGlobal callable, PickleSequence arguments)
    {
        IReadOnlyList<object?> given = arguments.Items;
        return callable.Role switch
        {
            GlobalRole.Mapping => Mapping(given.Count == 0 ? null : given[0], given.Count <= 1, callable),
            GlobalRole.MappingWithFactory => Mapping(given.Count <= 1 ? null : given[1], given.Count <= 2, callable),
            GlobalRole.Sequence => Sequence(given, callable),
            GlobalRole.Size => given is [PickleSequence extents] ? extents : throw Odd(callable),
            GlobalRole.Text => given is [string text] ? text : throw Odd(callable),
            GlobalRole.Bytes or GlobalRole.EncodedText => Bytes(given, callable),
            GlobalRole.Tensor => given is [StorageReference storage, long offset, PickleSequence extents, PickleSequence strides]
                ? Tensor(storage, storage.Type, offset, extents, strides)
                : throw Odd(callable),
            GlobalRole.TensorV2 => given is [StorageReference storage, long offset, PickleSequence extents, PickleSequence strides, ..]
                ? Tensor(storage, storage.Type, offset, extents, strides)
                : throw Odd(callable),
            GlobalRole.TensorV3 => given is [StorageReference storage, long offset, PickleSequence extents, PickleSequence strides, _, _, PickleGlobal { Role: GlobalRole.ElementType } type, ..]
                ? Tensor(storage, ElementType.OfDType(type.Name)!, offset, extents, strides)
                : throw Odd(callable),
            GlobalRole.Parameter => given is [TensorReference tensor, ..] ? tensor : throw Odd(callable),
            GlobalRole.TensorOfType => given is [PickleGlobal { Role: not GlobalRole.TensorOfType } rebuild, _, PickleSequence { IsTuple: true } inner, ..]
                ? Call(rebuild, inner)
                : throw Odd(callable),
            GlobalRole.Inert => new InertObject(callable),
            _ => throw errors.Bad($"'{callable}' is called, and is nothing to be called"),
        };
    }

    private StorageReference View(StorageReference whole, PickleSequence part)
    {
        if (part.Items is not [string, long start, long length] || start < 0 || length < 0 || start > whole.Count - length)
            throw errors.Bad($"a view of storage {WeightFileException.Quote(whole.Key)} does not lie in it");
        return whole with { Start = start, Length = length };
    }

    private TensorReference Tensor(StorageReference storage, ElementType type, long offset, PickleSequence extents, PickleSequence strides) =>
        new(storage, type, offset, Numbers(extents), Numbers(strides));

    private long[] Numbers(PickleSequence sequence)
    {
        if (sequence.Items.Count > MaxRank)
            throw errors.Bad($"a tensor has {sequence.Items.Count} extents; at most {MaxRank} are read");
        return [.. sequence.Items.Select(item => item is long number ? number : throw errors.Bad("an extent or stride is no number"))];
    }

    private PickleMapping Mapping(object? content, bool plain, PickleGlobal callable)
    {
        PickleMapping mapping = new();
        switch (content)
        {
            case null when plain:
                break;
            case PickleMapping other when plain:
                foreach ((object key, object? value) in other.Entries)
                    filling.Set(mapping, key, value);
                break;
            case PickleSequence pairs when plain: // Python 2 wrote [[key, value], …]
                foreach (object? item in pairs.Items)
                {
                    if (item is not PickleSequence { Items: [var key, var value] })
                        throw Odd(callable);
                    filling.Set(mapping, key, value);
                }

                break;
            default:
                throw Odd(callable);
        }

        return mapping;
    }

    private PickleSequence Sequence(IReadOnlyList<object?> given, PickleGlobal callable)
    {
        PickleSequence copy = new(isTuple: false);
        foreach (object? item in given switch { [] => [], [PickleSequence items] => items.Items, _ => throw Odd(callable) })
        {
            stack.Spend(1);
            filling.Add(copy, item);
        }

        return copy;
    }

    // bytearray(b"…"), and b"…" as protocol 2 writes it: encode("…", "latin1").
    private byte[] Bytes(IReadOnlyList<object?> given, PickleGlobal callable)
    {
        switch (given)
        {
            case []:
                return [];
            case [byte[] bytes]:
                return bytes;
            case [string text, "latin1"] when text.All(c => c <= 0xFF):
                stack.Spend(text.Length / BytesAValue);
                return Encoding.Latin1.GetBytes(text);
            default:
                throw Odd(callable);
        }
    }

    private WeightFileException Odd(PickleGlobal callable) => errors.Bad($"'{callable}' is called with arguments that it does not take");
}
