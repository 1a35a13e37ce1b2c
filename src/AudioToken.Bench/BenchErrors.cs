namespace AudioToken.Bench;

/// <summary>Numbers of this room's errors.</summary>
public static class BenchErrors
{
    /// <summary>A shape that the operation does not have.</summary>
    public const int Shape = 2901;

    /// <summary>An operation that is not measured.</summary>
    public const int Operation = 2902;

    /// <summary>More memory than there is.</summary>
    public const int Memory = 6901;

    /// <summary>A peer's result is not ours.</summary>
    public const int Peer = 7901;
}
