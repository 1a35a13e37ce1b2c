namespace AudioToken.Backends.Cpu;

/// <summary>Where the sums of a tile go, and what is added to them on the way.</summary>
internal unsafe struct RowResults
{
    /// <summary>The first row's result; no null.</summary>
    public float* Output;

    /// <summary>Added to every row, or null.</summary>
    public float* Bias;

    /// <summary>Laid out as the result, or null.</summary>
    public float* Residual;

    /// <summary>Floats from one row of result and residual to the next.</summary>
    public long Stride;

    /// <summary>Factor of the residual.</summary>
    public float Factor;

    /// <summary>Asks for the first floats of a few rows, and of their residuals.</summary>
    public readonly void AskFor(int rows, int columns)
    {
        CacheLines.Ask(Output, Stride, rows, columns);
        if (Residual is not null)
            CacheLines.Ask(Residual, Stride, rows, columns);
    }
}
