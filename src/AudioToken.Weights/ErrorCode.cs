namespace AudioToken.Weights;

/// <summary>Numbers of this room's errors; 4103 is <see cref="WeightException"/>.</summary>
internal static class ErrorCode
{
    /// <summary>The file is something else: too small, an error page, a pickle.</summary>
    public const int NotSafetensors = 4101;

    /// <summary>The header breaks a rule of the format.</summary>
    public const int Header = 4102;

    /// <summary>Offsets, shape and bytes of a tensor contradict one another.</summary>
    public const int Layout = 4104;

    /// <summary>The file ends before its data does.</summary>
    public const int CutShort = 4105;

    /// <summary>The file became shorter after it was opened.</summary>
    public const int Shrank = 4106;

    /// <summary>An element type or rank this library does not read, or values a type cannot hold.</summary>
    public const int Unsupported = 4107;

    /// <summary>NaN or infinity among the weights.</summary>
    public const int NonFinite = 4108;

    /// <summary>A sharded checkpoint whose index and shards disagree.</summary>
    public const int Shards = 4109;

    /// <summary>A component, config or tokenizer file of a model is not there.</summary>
    public const int MissingComponent = 4110;

    /// <summary>A bundle's metadata is not what a bundle's must be.</summary>
    public const int Bundle = 4111;

    /// <summary>A LoRA does not fit the model.</summary>
    public const int LowRank = 4112;

    /// <summary>Reading failed: absent, no permission, a fault of the disk.</summary>
    public const int Read = 8101;

    /// <summary>Writing failed: disk full, no permission, target is a folder.</summary>
    public const int Write = 8102;
}
