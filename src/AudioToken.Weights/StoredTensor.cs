using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Weights;

/// <summary>One tensor as a safetensors header describes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="TypeName">Element type as the file spells it, e.g. <c>BF16</c> or <c>F8_E4M3</c>.</param>
/// <param name="Extents">Shape, outermost first; [] for a scalar.</param>
/// <param name="Begin">First byte, counted from the start of the data.</param>
/// <param name="End">The byte after the last.</param>
public sealed record StoredTensor(string Name, string TypeName, IReadOnlyList<long> Extents, long Begin, long End)
{
    /// <summary>Bytes of the tensor's data.</summary>
    public long ByteCount => End - Begin;

    /// <summary>The element type, or null if it is one this library lists but does not read (8-bit floats and the like).</summary>
    public DType? DType { get; } = TypeName switch
    {
        "F32" => Tensors.DType.F32,
        "F16" => Tensors.DType.F16,
        "BF16" => Tensors.DType.BF16,
        "I32" => Tensors.DType.I32,
        "F64" => Tensors.DType.F64,
        "I64" => Tensors.DType.I64,
        "I16" => Tensors.DType.I16,
        "I8" => Tensors.DType.I8,
        "U8" => Tensors.DType.U8,
        "U16" => Tensors.DType.U16,
        "U32" => Tensors.DType.U32,
        "U64" => Tensors.DType.U64,
        "BOOL" => Tensors.DType.Bool,
        _ => null,
    };

    /// <summary>The shape, or null if it has more extents, or larger ones, than this library computes with.</summary>
    public Shape? Shape => Extents.Count <= Tensors.Shape.MaxRank && Extents.All(extent => extent <= int.MaxValue)
        ? new Shape([.. Extents.Select(extent => (int)extent)])
        : null;

    /// <summary>Type and shape, e.g. <c>F16 [320, 4, 3, 3]</c>.</summary>
    public override string ToString() =>
        $"{TypeName} [{string.Join(", ", Extents.Select(extent => extent.ToString(CultureInfo.InvariantCulture)))}]";

    /// <summary>How the format spells an element type.</summary>
    internal static string NameOf(DType dtype) => dtype == Tensors.DType.Bool ? "BOOL" : dtype.ToString();

    /// <summary>Bits of one element, or null for a type nobody here has heard of.</summary>
    internal int? ElementBits => DType?.Size() * 8 ?? TypeName switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "F8_E4M3" or "F8_E5M2" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => 8,
        "C64" => 64,
        _ => null,
    };
}
