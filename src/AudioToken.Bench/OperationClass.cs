namespace AudioToken.Bench;

/// <summary>What a step's time is summed by.</summary>
public enum OperationClass
{
    /// <summary>Convolutions.</summary>
    Conv,

    /// <summary>Products with a weight.</summary>
    Linear,

    /// <summary>Attention, its two products and the softmax between them.</summary>
    Attention,

    /// <summary>Everything else: norms, lookups, copies.</summary>
    Rest,
}
