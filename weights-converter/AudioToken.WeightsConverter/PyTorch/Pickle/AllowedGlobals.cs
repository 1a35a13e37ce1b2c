namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>What a global is taken for.</summary>
internal enum GlobalRole
{
    Mapping,
    MappingWithFactory,
    Sequence,
    Bytes,
    EncodedText,
    StorageType,
    ElementType,
    Tensor,
    TensorV2,
    TensorV3,
    TensorOfType,
    Parameter,
    Size,
    Text,
    Inert,
}

/// <summary>The closed list of globals that a checkpoint may name. A name on it is understood here; nothing is ever looked up or called.</summary>
internal static class AllowedGlobals
{
    private static readonly Dictionary<(string Module, string Name), GlobalRole> s_roles = new()
    {
        [("collections", "OrderedDict")] = GlobalRole.Mapping,
        [("collections", "defaultdict")] = GlobalRole.MappingWithFactory,
        [("collections", "Counter")] = GlobalRole.Mapping,
        [("_codecs", "encode")] = GlobalRole.EncodedText,
        [("torch._utils", "_rebuild_tensor")] = GlobalRole.Tensor,
        [("torch._utils", "_rebuild_tensor_v2")] = GlobalRole.TensorV2,
        [("torch._utils", "_rebuild_tensor_v3")] = GlobalRole.TensorV3,
        [("torch._utils", "_rebuild_parameter")] = GlobalRole.Parameter,
        [("torch._utils", "_rebuild_parameter_with_state")] = GlobalRole.Parameter,
        [("torch.nn.parameter", "Parameter")] = GlobalRole.Parameter,
        [("torch._tensor", "_rebuild_from_type_v2")] = GlobalRole.TensorOfType,
        [("torch", "Size")] = GlobalRole.Size,
        [("torch", "device")] = GlobalRole.Inert,
        [("torch", "Tensor")] = GlobalRole.Inert,
        [("torch.serialization", "_get_layout")] = GlobalRole.Text,
        [("torch.storage", "TypedStorage")] = GlobalRole.Inert,
        [("torch.storage", "UntypedStorage")] = GlobalRole.StorageType,
        [("argparse", "Namespace")] = GlobalRole.Inert,
        [("typing", "Any")] = GlobalRole.Inert,
        [("numpy", "dtype")] = GlobalRole.Inert,
        [("numpy", "ndarray")] = GlobalRole.Inert,
        [("numpy.core.multiarray", "scalar")] = GlobalRole.Inert,
        [("numpy.core.multiarray", "_reconstruct")] = GlobalRole.Inert,
        [("numpy._core.multiarray", "scalar")] = GlobalRole.Inert,
        [("numpy._core.multiarray", "_reconstruct")] = GlobalRole.Inert,
    };

    private static readonly Dictionary<string, GlobalRole> s_builtins = new()
    {
        ["dict"] = GlobalRole.Mapping,
        ["list"] = GlobalRole.Sequence,
        ["set"] = GlobalRole.Sequence,
        ["frozenset"] = GlobalRole.Sequence,
        ["bytearray"] = GlobalRole.Bytes,
        ["complex"] = GlobalRole.Inert,
        ["int"] = GlobalRole.Inert,
        ["float"] = GlobalRole.Inert,
        ["str"] = GlobalRole.Inert,
        ["bool"] = GlobalRole.Inert,
    };

    // Training programs whose classes stand in the checkpoints of Stable Diffusion, outside the tensors.
    private static readonly string[] s_inertPackages = ["pytorch_lightning", "lightning", "lightning_fabric", "omegaconf"];

    /// <summary>True for the classes of networks themselves: such a file holds a program's objects and not their weights.</summary>
    public static bool IsModule(string module) => module.StartsWith("torch.nn.modules.", StringComparison.Ordinal) || module == "__main__";

    /// <summary>True for kinds of tensors that are not read here: sparse, quantized, without data, of other devices.</summary>
    public static bool IsOtherTensor(string module, string name) => module == "torch._utils" && name.StartsWith("_rebuild_", StringComparison.Ordinal);

    /// <summary>What the global is taken for, or null if it is not on the list.</summary>
    public static GlobalRole? Find(string module, string name)
    {
        if (s_roles.TryGetValue((module, name), out GlobalRole role))
            return role;
        if (module is "builtins" or "__builtin__")
            return s_builtins.TryGetValue(name, out role) ? role : null;
        if (module == "torch" && ElementType.OfStorage(name) is not null)
            return GlobalRole.StorageType;
        if (module == "torch" && ElementType.OfDType(name) is not null)
            return GlobalRole.ElementType;
        return Array.Exists(s_inertPackages, package => module == package || (module.Length > package.Length && module[package.Length] == '.' && module.StartsWith(package, StringComparison.Ordinal)))
            ? GlobalRole.Inert
            : null;
    }
}
