namespace AudioToken.Sampling;

/// <summary>Formula of the training noise variances beta_i.</summary>
public enum BetaSchedule
{
    /// <summary>Evenly spaced. Ho et al. 2020.</summary>
    Linear,

    /// <summary>Squares of evenly spaced roots; Stable Diffusion's.</summary>
    ScaledLinear,

    /// <summary>diffusers' <c>squaredcos_cap_v2</c>: from a squared cosine, at most 0.999; it has no start and end. Nichol and Dhariwal 2021.</summary>
    SquaredCosine,
}
