namespace AudioToken.Backends.Cpu;

/// <summary>How far apart the rows lie that a kernel reads, or the pixels of a map: a constant of its code, so that a value is one broadcast at a fixed distance from one pointer.</summary>
internal interface IRowDistance
{
    /// <summary>Floats from one row to the next.</summary>
    static abstract int Floats { get; }
}

/// <summary>Rows packed for a step of a product's depth.</summary>
internal readonly struct PackedRows : IRowDistance
{
    /// <summary>The largest depth of a step.</summary>
    public const int MostDepth = 512;

    /// <summary>An odd number of cache lines, so that rows do not share cache sets.</summary>
    public const int Distance = MostDepth + 16;

    /// <inheritdoc/>
    public static int Floats => Distance;
}

/// <summary>Rows of a part of the depth that follow one another without a gap.</summary>
internal readonly struct PartRows : IRowDistance
{
    /// <summary>The largest depth of a part.</summary>
    public const int MostDepth = 64;

    /// <inheritdoc/>
    public static int Floats => MostDepth;
}
