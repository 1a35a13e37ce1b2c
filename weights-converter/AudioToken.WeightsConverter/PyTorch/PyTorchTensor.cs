using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>One tensor of a PyTorch file: a view of a storage, which other tensors may share.</summary>
public sealed class PyTorchTensor
{
    internal PyTorchTensor(string name, string typeName, DType? dtype, IReadOnlyList<long> extents, IReadOnlyList<long> strides, string storageKey, long start, long count)
    {
        Name = name;
        TypeName = typeName;
        DType = dtype;
        Extents = extents;
        Strides = strides;
        StorageKey = storageKey;
        Start = start;
        Count = count;
    }

    /// <summary>Its name in the state dict.</summary>
    public string Name { get; }

    /// <summary>Element type as safetensors spells it, e.g. <c>BF16</c>.</summary>
    public string TypeName { get; }

    /// <summary>The element type, or null if it is one that is listed but not read here (complex numbers, 8-bit floats).</summary>
    public DType? DType { get; }

    /// <summary>Shape, outermost first; [] for a scalar.</summary>
    public IReadOnlyList<long> Extents { get; }

    /// <summary>Steps through the storage, in elements.</summary>
    public IReadOnlyList<long> Strides { get; }

    /// <summary>Key of the storage; tensors of one key share memory.</summary>
    public string StorageKey { get; }

    /// <summary>Elements: the product of the extents.</summary>
    public long Count { get; }

    /// <summary>Place in the file of the element at index 0.</summary>
    internal long Start { get; }

    /// <summary>The shape, or null if it has more extents, or larger ones, than this library computes with.</summary>
    public Shape? Shape => Extents.Count <= Tensors.Shape.MaxRank && Extents.All(extent => extent <= int.MaxValue)
        ? new Shape([.. Extents.Select(extent => (int)extent)])
        : null;

    /// <summary>Type and shape, e.g. <c>F16 [320, 4, 3, 3]</c>.</summary>
    public override string ToString() =>
        $"{TypeName} [{string.Join(", ", Extents.Select(extent => extent.ToString(CultureInfo.InvariantCulture)))}]";
}
