namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>Numbers of the errors about PyTorch files; those they share with safetensors files are the Weights room's.</summary>
internal static class ErrorCode
{
    /// <summary>The file is something else, or empty.</summary>
    public const int NotPyTorch = 4101;

    /// <summary>Shape, strides and storage of a tensor contradict one another.</summary>
    public const int Layout = 4104;

    /// <summary>The file ends before its data does.</summary>
    public const int CutShort = 4105;

    /// <summary>An element type or rank that is not read here.</summary>
    public const int Unsupported = 4107;

    /// <summary>The ZIP archive around the data breaks a rule.</summary>
    public const int Archive = 4701;

    /// <summary>The pickle is malformed, or uses what checkpoints do not.</summary>
    public const int Pickle = 4702;

    /// <summary>The pickle names a global that is not on the list.</summary>
    public const int Global = 4703;

    /// <summary>The pickle is larger, deeper or longer than any checkpoint's.</summary>
    public const int Limit = 4704;

    /// <summary>The pickle is sound, but holds no named tensors.</summary>
    public const int Content = 4705;

    /// <summary>A form of PyTorch file that is not read here.</summary>
    public const int OtherForm = 4706;
}
