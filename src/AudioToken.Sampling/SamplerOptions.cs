namespace AudioToken.Sampling;

/// <summary>What a caller may choose about a sampler beyond the model's configuration.</summary>
public sealed record SamplerOptions
{
    /// <summary>The defaults.</summary>
    public static SamplerOptions Default { get; } = new();

    /// <summary>DDIM's share of fresh noise, 0 (none, the default) to 1 (as much as DDPM). Song et al. 2021, equation 16. Other samplers ignore it.</summary>
    public double Eta { get; init; }

    /// <summary>Which generation of diffusers DPM-Solver++ follows. Other samplers ignore it: theirs did not change.</summary>
    public SolverConvention Convention { get; init; }

    /// <summary>True computes the noise schedule in double throughout, rather than as PyTorch does in float32. For tests.</summary>
    public bool ExactTables { get; init; }
}
