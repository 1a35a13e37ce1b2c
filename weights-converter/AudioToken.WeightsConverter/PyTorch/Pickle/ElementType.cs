using AudioToken.Tensors;

namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>An element type of torch: those read here, and those that can be listed but not read.</summary>
/// <param name="Name">As safetensors spells it.</param>
/// <param name="Size">Bytes of an element.</param>
/// <param name="DType">The type, or null if it is not read here.</param>
internal sealed record ElementType(string Name, int Size, DType? DType)
{
    /// <summary>What an untyped storage holds.</summary>
    public static readonly ElementType Byte = Of(Tensors.DType.U8);

    // Name of the storage class without its ending, name of the torch.dtype, type.
    private static readonly (string Storage, string DTypeName, ElementType Type)[] s_known =
    [
        ("Float", "float32", Of(Tensors.DType.F32)),
        ("Half", "float16", Of(Tensors.DType.F16)),
        ("BFloat16", "bfloat16", Of(Tensors.DType.BF16)),
        ("Double", "float64", Of(Tensors.DType.F64)),
        ("Long", "int64", Of(Tensors.DType.I64)),
        ("Int", "int32", Of(Tensors.DType.I32)),
        ("Short", "int16", Of(Tensors.DType.I16)),
        ("Char", "int8", Of(Tensors.DType.I8)),
        ("Byte", "uint8", Byte),
        ("Bool", "bool", Of(Tensors.DType.Bool)),
        ("", "uint16", Of(Tensors.DType.U16)),
        ("", "uint32", Of(Tensors.DType.U32)),
        ("", "uint64", Of(Tensors.DType.U64)),
        ("", "float8_e4m3fn", new("F8_E4M3", 1, null)),
        ("", "float8_e5m2", new("F8_E5M2", 1, null)),
        ("ComplexFloat", "complex64", new("C64", 8, null)),
        ("ComplexDouble", "complex128", new("C128", 16, null)),
    ];

    private static readonly Dictionary<string, ElementType> s_storages =
        s_known.Where(known => known.Storage.Length > 0).ToDictionary(known => known.Storage + "Storage", known => known.Type);

    private static readonly Dictionary<string, ElementType> s_dtypes = s_known.ToDictionary(known => known.DTypeName, known => known.Type);

    /// <summary>The elements of a storage class such as <c>HalfStorage</c>, or null.</summary>
    public static ElementType? OfStorage(string name) => name is "UntypedStorage" ? Byte : s_storages.GetValueOrDefault(name);

    /// <summary>The type that torch calls e.g. <c>float16</c>, or null.</summary>
    public static ElementType? OfDType(string name) => s_dtypes.GetValueOrDefault(name);

    private static ElementType Of(DType dtype) => new(dtype == Tensors.DType.Bool ? "BOOL" : dtype.ToString(), dtype.Size(), dtype);
}
