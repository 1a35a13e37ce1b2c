namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>What a pickle may ask for. The largest checkpoints of Stable Diffusion stay below a fifth of each.</summary>
internal static class PickleLimits
{
    /// <summary>Containers within containers.</summary>
    public const int Depth = 64;

    /// <summary>Values put on the stack in all, those fetched from the memo included; a container counts twice, an entry of a
    /// dictionary three times more. 64 MB hold as many.</summary>
    public const int Nodes = 1_000_000;

    /// <summary>Entries of the memo.</summary>
    public const int Memo = 1_000_000;

    /// <summary>Opcodes obeyed: what makes no value takes time all the same.</summary>
    public const int Operations = 10_000_000;

    /// <summary>Bytes of one string.</summary>
    public const int StringBytes = 1 << 20;

    /// <summary>Bytes of all strings.</summary>
    public const int TextBytes = 8 << 20;

    /// <summary>Characters of a key of a dictionary.</summary>
    public const int KeyLength = 4096;

    /// <summary>Bytes of one whole number.</summary>
    public const int NumberBytes = 255;

    /// <summary>Characters of the name of a module, class or storage.</summary>
    public const int NameLength = 256;

    /// <summary>Globals named, each counted once.</summary>
    public const int Globals = 10_000;
}
