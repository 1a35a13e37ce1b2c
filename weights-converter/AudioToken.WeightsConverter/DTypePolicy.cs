namespace AudioToken.WeightsConverter;

/// <summary>In which type a converted model's floating-point tensors are stored.</summary>
public enum DTypePolicy
{
    /// <summary>As in the source, to the last bit.</summary>
    Keep,

    /// <summary>All as F32.</summary>
    F32,

    /// <summary>All as F16, rounded to nearest even; values beyond its range are refused.</summary>
    F16,

    /// <summary>All as BF16, rounded to nearest even.</summary>
    BF16,
}
